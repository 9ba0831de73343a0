#include "tests/server/fleet/etcd/etcd_cluster.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

// In memory, where there is room for it: etcd waits for its disk at each write.
// The names of sockets there are short enough.
std::string NewDirectory() {
  std::string name = access("/dev/shm", W_OK) == 0 ? "/dev/shm/etcd.XXXXXX"
                                                   : "/tmp/etcd.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no " << name;
  return name;
}

// For etcd a name of a socket is a host and a port.
std::string SocketOf(const std::string& kind, int member) {
  return absl::StrCat(kind, member, ":1");
}

// What etcd prints goes into a file "log" and its number.
pid_t Spawn(const std::vector<std::string>& command,
            const std::string& directory, const std::string& log) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  if (chdir(directory.c_str()) == 0) execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

EtcdCluster::EtcdCluster(const Options& options)
    : options_(options),
      directory_(NewDirectory()),
      members_(options.members, -1) {
  if (access("/usr/bin/etcd", X_OK) != 0) {
    ADD_FAILURE() << "there is no /usr/bin/etcd: run ./dev setup test";
    return;
  }
  for (int i = 0; i < options.members; ++i) Restart(i);
  if (!options.tls) WaitForAnswer();
}

void EtcdCluster::WaitForAnswer() const {
  ClientThread client(client_options());
  while (!client.Put("begun", "").ok()) {
    for (int i = 0; i < options_.members; ++i) {
      ASSERT_EQ(waitpid(members_[i], nullptr, WNOHANG), 0)
          << "etcd has ended; see " << directory_ << "/log" << i;
    }
  }
}

EtcdCluster::~EtcdCluster() {
  for (int i = 0; i < options_.members; ++i) Kill(i);
  if (!::testing::Test::HasFailure()) std::filesystem::remove_all(directory_);
}

std::string EtcdCluster::endpoint(int member) const {
  return absl::StrCat("unix:", directory_, "/", SocketOf("client", member));
}

EtcdOptions EtcdCluster::client_options() const {
  EtcdOptions options;
  for (int i = 0; i < options_.members; ++i) {
    options.endpoints.push_back(endpoint(i));
  }
  return options;
}

void EtcdCluster::Kill(int member) {
  if (members_[member] < 0) return;
  kill(members_[member], SIGKILL);
  waitpid(members_[member], nullptr, 0);
  members_[member] = -1;
}

void EtcdCluster::Restart(int member) {
  Kill(member);
  // etcd takes away the socket that it left to its peers, and not this one.
  std::filesystem::remove(
      absl::StrCat(directory_, "/", SocketOf("client", member)));
  std::vector<std::string> cluster;
  cluster.reserve(options_.members);
  for (int i = 0; i < options_.members; ++i) {
    cluster.push_back(absl::StrCat("m", i, "=unix://", SocketOf("peer", i)));
  }
  const std::string client = absl::StrCat(options_.tls ? "unixs://" : "unix://",
                                          SocketOf("client", member));
  const std::string peer = absl::StrCat("unix://", SocketOf("peer", member));
  std::vector<std::string> command = {
      "/usr/bin/etcd",
      absl::StrCat("--name=m", member),
      absl::StrCat("--data-dir=data", member),
      absl::StrCat("--listen-client-urls=", client),
      absl::StrCat("--advertise-client-urls=", client),
      absl::StrCat("--listen-peer-urls=", peer),
      absl::StrCat("--initial-advertise-peer-urls=", peer),
      absl::StrCat("--initial-cluster=", absl::StrJoin(cluster, ",")),
      "--logger=zap",
      "--log-outputs=stderr",
  };
  command.insert(command.end(), options_.flags.begin(), options_.flags.end());
  members_[member] =
      Spawn(command, directory_, absl::StrCat(directory_, "/log", member));
}

void EtcdCluster::Signal(int member, int signal) const {
  ASSERT_EQ(kill(members_[member], signal), 0);
  if (signal != SIGSTOP) return;
  // Its threads run on until each has seen the signal.
  int status = 0;
  ASSERT_EQ(waitpid(members_[member], &status, WUNTRACED), members_[member]);
  ASSERT_TRUE(WIFSTOPPED(status)) << "etcd has ended instead";
}

bool EtcdCluster::Control(const std::string& arguments) const {
  const std::string command =
      absl::StrCat("cd ", directory_,
                   " && ETCDCTL_API=3 /usr/bin/etcdctl --endpoints=unix://",
                   SocketOf("client", 0), " ", arguments, " >>", directory_,
                   "/control 2>&1");
  return system(command.c_str()) == 0;
}

ClientThread::ClientThread(const EtcdOptions& options) {
  auto client = EtcdClient::Create(thread_.get_executor(), options);
  if (!client.ok()) ADD_FAILURE() << client.status();
  client_ = *std::move(client);
}

ClientThread::~ClientThread() {
  Run([this] { client_.reset(); });
  thread_.join();
}

absl::Status ClientThread::Put(const std::string& key, const std::string& value,
                               int64_t lease) {
  etcdserverpb::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  request.set_lease(lease);
  return Ask(&EtcdClient::Put, request).status();
}

absl::StatusOr<std::string> ClientThread::Get(const std::string& key) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  const auto response = Ask(&EtcdClient::Range, request);
  if (!response.ok()) return response.status();
  if (response->kvs().empty()) return absl::NotFoundError(key);
  return response->kvs(0).value();
}

absl::Status ClientThread::Delete(const std::string& key) {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(key);
  return Ask(&EtcdClient::DeleteRange, request).status();
}

absl::Status ClientThread::Compact() {
  etcdserverpb::RangeRequest now;
  now.set_key("any");
  const auto response = Ask(&EtcdClient::Range, now);
  if (!response.ok()) return response.status();
  etcdserverpb::CompactionRequest request;
  request.set_revision(response->header().revision());
  request.set_physical(true);
  return Ask(&EtcdClient::Compact, request).status();
}

}  // namespace tcptool::fleet
