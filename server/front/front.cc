#include "server/front/front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <asio/error_code.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/base/log.h"
#include "server/base/thread_priority.h"
#include "server/security/certificate_names.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

constexpr auto kTick = std::chrono::seconds(1);

struct Pair {
  UniqueFd ours;
  UniqueFd grpcs;
  std::string name;  // gRPC's name of the peer that we are.
};

// A pair without a descriptor has errno.
Pair NewPair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                 ends.data()) != 0) {
    return {};
  }
  Pair pair = {.ours = UniqueFd(ends[0]), .grpcs = UniqueFd(ends[1])};
  // In the abstract namespace (unix(7)). A name that the kernel chooses may
  // come again while gRPC still has calls of the connection that had it before;
  // the next visitor would then answer for these. And nobody can take one
  // beforehand that he cannot guess.
  std::array<uint8_t, 16> random{};
  if (getrandom(random.data(), random.size(), 0) !=
      static_cast<ssize_t>(random.size())) {
    return {};
  }
  const std::string name = absl::StrCat(
      "tcptoold-",
      absl::BytesToHexString(absl::string_view(
          reinterpret_cast<const char*>(random.data()), random.size())));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  if (bind(pair.ours.get(), reinterpret_cast<const sockaddr*>(&address),
           offsetof(sockaddr_un, sun_path) + 1 + name.size()) != 0) {
    return {};
  }
  pair.name = absl::StrCat("unix-abstract:", name);
  return pair;
}

// As gRPC writes addresses.
std::string AddressOf(const UniqueFd& client) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  getpeername(client.get(), reinterpret_cast<sockaddr*>(&peer), &size);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return absl::StrCat("ipv4:", text.data(), ":", ntohs(v4.sin_port));
  }
  if (peer.ss_family != AF_INET6) return "unix:";
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
  const uint16_t port = ntohs(v6.sin6_port);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    return absl::StrCat("ipv4:", text.data(), ":", port);
  }
  inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return absl::StrCat("ipv6:[", text.data(), "]:", port);
}

}  // namespace

Front::Front(const TlsContext* tls, ToGrpc to_grpc)
    : tls_(tls),
      to_grpc_(std::move(to_grpc)),
      scratch_(Connection::kScratchBytes),
      work_(io_.get_executor()),
      timer_(io_) {
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] {
    YieldToDataPlane();
    Tick();
    io_.run();
  });
}

Front::~Front() {
  io_.stop();
  thread_.join();
  absl::flat_hash_map<std::string, Client> clients;
  absl::MutexLock lock(&mutex_);
  clients.swap(clients_);
}

void Front::Take(UniqueFd client) {
  asio::post(io_, [this, fd = std::make_shared<UniqueFd>(std::move(client))] {
    Add(std::move(*fd));
  });
}

void Front::Flush() {
  absl::Notification flushed;
  asio::post(io_, [&flushed] { flushed.Notify(); });
  flushed.WaitForNotification();
}

void Front::Add(UniqueFd client) {
  Pair pair = NewPair();
  if (!pair.ours.valid()) {
    if (refusals_.Allows()) {
      LogWarning("control_starved", {{"error", std::strerror(errno)}});
    }
    return;
  }
  const std::string name = pair.name;
  auto peer = std::make_shared<Peer>();
  peer->address = AddressOf(client);
  const std::shared_ptr<SSL_CTX> tls =
      tls_ == nullptr ? nullptr : tls_->Current();
  const auto connection = std::make_shared<Connection>(
      io_, std::move(client), tls.get(), std::move(pair.ours), slots_,
      absl::MakeSpan(scratch_),
      Connection::Events{
          .on_ready =
              [this, name](const X509* certificate) {
                OnReady(name, certificate);
              },
          .on_refused = [this,
                         name](absl::string_view why) { OnRefused(name, why); },
          .on_end = [this, name] { OnEnd(name); }});
  {
    absl::MutexLock lock(&mutex_);
    clients_[name] = {.connection = connection,
                      .visitor = {.peer = std::move(peer)}};
  }
  to_grpc_(std::move(pair.grpcs));
  connection->Start();
}

void Front::OnReady(const std::string& name, const X509* certificate) {
  if (certificate == nullptr) return;
  absl::MutexLock lock(&mutex_);
  Visitor& visitor = clients_.at(name).visitor;
  auto peer = std::make_shared<Peer>(*visitor.peer);
  peer->has_certificate = true;
  peer->certificate_names = CertificateNames(*certificate);
  visitor.peer = std::move(peer);
}

void Front::OnRefused(const std::string& name, absl::string_view why) {
  if (!refusals_.Allows()) return;
  const Visitor visitor = Find(name);
  LogWarning("connection_refused",
             {{"peer", visitor.peer->address}, {"reason", why}});
}

void Front::OnEnd(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  // Who calls this is a method of the connection's.
  asio::post(io_, [last = std::move(clients_.at(name).connection)] {});
  clients_.erase(name);
  if (clients_.empty()) none_.NotifyAll();
}

Front::Visitor Front::Find(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = clients_.find(name);
  return found == clients_.end() ? Visitor() : found->second.visitor;
}

void Front::Trust(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  const auto found = clients_.find(name);
  if (found == clients_.end() ||
      std::exchange(found->second.visitor.trusted, true)) {
    return;
  }
  asio::post(io_,
             [connection = found->second.connection] { connection->Trust(); });
}

std::shared_ptr<void> Front::CountCall() {
  slots_.BeginService();
  return {static_cast<void*>(&slots_), [this](void*) {
            slots_.EndService();
            asio::post(io_, [this] { slots_.HandOut(); });
          }};
}

void Front::WaitUntilNone(std::chrono::nanoseconds timeout) {
  const auto none = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return clients_.empty();
  };
  absl::MutexLock lock(&mutex_);
  none_.WaitFor(&mutex_, timeout, none);
}

void Front::Tick() {
  std::vector<std::shared_ptr<Connection>> connections;
  {
    absl::MutexLock lock(&mutex_);
    connections.reserve(clients_.size());
    for (const auto& [name, client] : clients_) {
      connections.push_back(client.connection);
    }
  }
  const auto now = dataplane::Clock::now();
  for (const auto& connection : connections) connection->Tick(now);
  if (const uint64_t untold = refusals_.TakeUntold(); untold > 0) {
    LogWarning("connections_refused", {{"count", untold}});
  }
  timer_.expires_after(kTick);
  timer_.async_wait([this](asio::error_code error) {
    if (!error) Tick();
  });
}

}  // namespace tcptool::server
