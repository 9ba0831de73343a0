#include "tests/dataplane/model/sender.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>
#include <limits>
#include <map>
#include <utility>

namespace tcptool::dataplane {
namespace {

[[noreturn]] void Die(const char* what) {
  perror(what);
  abort();
}

// One lane, so that holding it holds the whole sender.
EngineOptions OneLane() { return {.lanes = 1}; }

template <typename T>
void Send(int socket, const T& value) {
  if (send(socket, &value, sizeof value, MSG_NOSIGNAL) != sizeof value) {
    Die("orders_test: send to the other process");
  }
}

// False: the other process is gone.
template <typename T>
bool Receive(int socket, T& value) {
  return recv(socket, &value, sizeof value, MSG_WAITALL) == sizeof value;
}

struct Hello {
  pid_t pid;
  uint16_t port;
};

// The process that will be killed.
[[noreturn]] void Serve(int socket, size_t size) {
  Engine engine(OneLane());
  LocalSender sender(engine, size);
  Send(socket, Hello{getpid(), sender.port()});
  char command = 0;
  while (Receive(socket, command)) {
    char answer = 0;
    switch (command) {
      case 's':
        sender.Settle();
        break;
      case 'h':
        sender.Hold();
        break;
      case 'r':
        sender.Release();
        break;
      case 'S':
        answer = sender.Start() ? 1 : 0;
        break;
      case 'c':
        sender.Cancel();
        break;
      case 'C':
        sender.Change();
        break;
      default:
        _exit(1);
    }
    Send(socket, answer);
  }
  _exit(0);
}

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

const Contents& ContentsOf(size_t size) {
  static absl::Mutex mutex(absl::kConstInit);
  // Never destroyed: others may still run at the end of the process.
  static auto* const all = new std::map<size_t, Contents>;
  absl::MutexLock lock(&mutex);
  Contents& contents = (*all)[size];
  if (contents.before.size() != size) {
    contents.before = Content(size);
    contents.after = contents.before;
    for (char& byte : contents.after) byte = static_cast<char>(~byte);
  }
  return contents;
}

LocalSender::LocalSender(Engine& engine, size_t size)
    : size_(size), file_(MemoryFile(ContentsOf(size).before)) {
  SessionOptions options;
  options.bind_address = asio::ip::address_v4::loopback();
  // Where no byte is said, this is waited for.
  options.limits.handshake_timeout = absl::Seconds(2);
  session_ = *engine.CreateSession(
      std::move(options),
      *FileSource::Create(RandomAccessFile::FromDescriptor(dup(file_.get())), 0,
                          std::nullopt),
      recorder_);
}

LocalSender::~LocalSender() {
  if (gate_) Release();
  Cancel();
}

void LocalSender::OnLane(std::function<void()> task) {
  // No recipient has this id: nothing but the task happens.
  session_->Drop(std::numeric_limits<uint64_t>::max(),
                 [task = std::move(task)](const absl::Status&) { task(); });
}

void LocalSender::Settle() {
  // What a socket has to tell may have more of the same kind behind it.
  for (int round = 0; round < 4; ++round) {
    auto done = std::make_shared<absl::Notification>();
    OnLane([done] { done->Notify(); });
    done->WaitForNotification();
  }
}

void LocalSender::Hold() {
  gate_ = std::make_shared<Gate>();
  OnLane([gate = gate_] {
    gate->held.Notify();
    gate->released.WaitForNotification();
  });
  gate_->held.WaitForNotification();
}

void LocalSender::Release() {
  gate_->released.Notify();
  gate_.reset();
}

absl::Status LocalSender::Call(void (Session::*method)(Session::Done)) {
  auto done = std::make_shared<absl::Notification>();
  auto result = std::make_shared<absl::Status>();
  (session_.get()->*method)([done, result](absl::Status status) {
    *result = std::move(status);
    done->Notify();
  });
  done->WaitForNotification();
  return *result;
}

bool LocalSender::Start() { return Call(&Session::Start).ok(); }

void LocalSender::Cancel() { Call(&Session::Cancel).IgnoreError(); }

void LocalSender::Change() {
  const std::string& content = ContentsOf(size_).after;
  struct stat before;
  struct stat after;
  if (fstat(file_.get(), &before) != 0) Die("orders_test: fstat");
  do {
    if (pwrite(file_.get(), content.data(), size_, 0) !=
        static_cast<ssize_t>(size_)) {
      Die("orders_test: pwrite");
    }
    if (fstat(file_.get(), &after) != 0) Die("orders_test: fstat");
    // Where a file system's clock ticks a hundred times a second, it must have
    // ticked for anybody to see the change.
  } while (SameTime(before.st_ctim, after.st_ctim));
}

SenderProcesses::SenderProcesses() {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) {
    Die("orders_test: socketpair");
  }
  socket_ = UniqueFd(sockets[0]);
  maker_ = fork();
  if (maker_ < 0) Die("orders_test: fork");
  if (maker_ > 0) {
    close(sockets[1]);
    return;
  }
  close(socket_.release());
  size_t size = 0;
  while (Receive(sockets[1], size)) {
    const pid_t child = fork();
    if (child < 0) Die("orders_test: fork");
    if (child == 0) Serve(sockets[1], size);
    waitpid(child, nullptr, 0);
    // Its sockets are closed by now: the trial may look.
    Send(sockets[1], char{0});
  }
  _exit(0);
}

SenderProcesses::~SenderProcesses() {
  // Other processes that were forked later have it too.
  shutdown(socket_.get(), SHUT_RDWR);
  waitpid(maker_, nullptr, 0);
}

std::unique_ptr<SenderProcesses::Child> SenderProcesses::Make(size_t size) {
  return std::make_unique<Child>(socket_.get(), size);
}

SenderProcesses::Child::Child(int socket, size_t size) : socket_(socket) {
  Send(socket_, size);
  Hello hello{};
  if (!Receive(socket_, hello)) Die("orders_test: the sender did not begin");
  port_ = hello.port;
  pid_ = hello.pid;
}

char SenderProcesses::Child::Ask(char command) {
  Send(socket_, command);
  char answer = 0;
  if (!Receive(socket_, answer)) Die("orders_test: the sender is gone");
  return answer;
}

void SenderProcesses::Child::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  pid_ = -1;
  char gone = 0;
  if (!Receive(socket_, gone)) Die("orders_test: the senders' maker is gone");
}

}  // namespace tcptool::dataplane
