#include "server/front/front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
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
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/base/log.h"
#include "server/base/thread_priority.h"
#include "server/security/certificate_names.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

constexpr auto kTick = std::chrono::seconds(1);

// gRPC's name of a peer is kScheme, and the name of its socket: kBegins, random
// characters, "-", and the client's address.
constexpr absl::string_view kScheme = "unix-abstract:";
constexpr absl::string_view kBegins = "tcptoold-";
constexpr size_t kRandomCharacters = 32;

struct Pair {
  UniqueFd ours;
  UniqueFd grpcs;
  std::string name;  // gRPC's name of the peer that we are.
};

// A pair without a descriptor has errno.
Pair NewPair(absl::string_view address) {
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
  std::array<uint8_t, kRandomCharacters / 2> random{};
  if (getrandom(random.data(), random.size(), 0) !=
      static_cast<ssize_t>(random.size())) {
    return {};
  }
  pair.name = absl::StrCat(
      kScheme, kBegins,
      absl::BytesToHexString(absl::string_view(
          reinterpret_cast<const char*>(random.data()), random.size())),
      "-",
      // gRPC would write brackets as %5B and %5D.
      absl::StrReplaceAll(address, {{"[", "("}, {"]", ")"}}));
  const absl::string_view path =
      absl::StripPrefix(absl::string_view(pair.name), kScheme);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path + 1, sizeof(name.sun_path) - 1);
  if (bind(pair.ours.get(), reinterpret_cast<const sockaddr*>(&name),
           offsetof(sockaddr_un, sun_path) + 1 + path.size()) != 0) {
    return {};
  }
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

void Front::Close(std::chrono::nanoseconds timeout) {
  // Behind all that were taken.
  asio::post(io_, [this] {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    closed_changed_.NotifyAll();
  });
  const auto closed = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return closed_;
  };
  absl::MutexLock lock(&mutex_);
  if (!closed_changed_.WaitFor(&mutex_, timeout, closed)) closed_ = true;
}

bool Front::IsClosed() const {
  absl::MutexLock lock(&mutex_);
  return closed_;
}

void Front::Add(UniqueFd client) {
  if (IsClosed()) return;
  auto peer = std::make_shared<Peer>();
  peer->address = AddressOf(client);
  Pair pair = NewPair(peer->address);
  if (!pair.ours.valid()) {
    if (refusals_.Allows()) {
      LogWarning("control_starved", {{"error", std::strerror(errno)}});
    }
    return;
  }
  const std::string name = pair.name;
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
    clients_[name] = {.connection = connection, .peer = std::move(peer)};
  }
  to_grpc_(std::move(pair.grpcs));
  connection->Start();
}

void Front::OnReady(const std::string& name, const X509* certificate) {
  if (certificate == nullptr) return;
  absl::MutexLock lock(&mutex_);
  Client& client = clients_.at(name);
  auto peer = std::make_shared<Peer>(*client.peer);
  peer->has_certificate = true;
  peer->certificate_names = CertificateNames(*certificate);
  client.peer = std::move(peer);
}

void Front::OnRefused(const std::string& name, absl::string_view why) {
  if (!refusals_.Allows()) return;
  LogWarning("connection_refused",
             {{"peer", AddressIn(name)}, {"reason", why}});
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
  if (found == clients_.end()) return {};
  const Client& client = found->second;
  return {.peer = client.peer, .trusted = !client.callers.empty()};
}

std::string Front::AddressIn(absl::string_view name) {
  // As NewPair() makes it.
  if (!absl::ConsumePrefix(&name, kScheme) ||
      !absl::ConsumePrefix(&name, kBegins)) {
    return std::string(name);
  }
  return absl::StrReplaceAll(absl::ClippedSubstr(name, kRandomCharacters + 1),
                             {{"(", "["}, {")", "]"}});
}

void Front::Trust(const std::string& name, const Caller& caller) {
  absl::MutexLock lock(&mutex_);
  const auto found = clients_.find(name);
  if (found == clients_.end()) return;
  Client& client = found->second;
  const auto is_caller = [&caller](const Caller& other) {
    return other.name == caller.name && other.token_hash == caller.token_hash;
  };
  if (std::ranges::any_of(client.callers, is_caller)) return;
  client.callers.push_back(caller);
  asio::post(io_, [connection = client.connection] { connection->Trust(); });
}

void Front::Revoke(const std::function<bool(const Caller&)>& holds) {
  absl::MutexLock lock(&mutex_);
  for (auto& [name, client] : clients_) {
    if (client.callers.empty()) continue;
    std::erase_if(client.callers,
                  [&holds](const Caller& caller) { return !holds(caller); });
    if (!client.callers.empty()) continue;
    asio::post(io_, [connection = client.connection] { connection->Revoke(); });
  }
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
