#include "server/front/front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/error_code.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/tls/certificate_names.h"
#include "server/base/log.h"
#include "server/base/thread_priority.h"
#include "server/front/grpc_pair.h"
#include "server/front/reset_on_close.h"
#include "server/front/stranger_buffers.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

constexpr auto kTick = std::chrono::seconds(1);

// For Take() to wait: the thread that hands out connections is to have none
// that nobody counts, and to end all the same.
constexpr auto kTakeLimit = std::chrono::seconds(1);

sockaddr_storage PeerOf(const UniqueFd& client) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  getpeername(client.get(), reinterpret_cast<sockaddr*>(&peer), &size);
  return peer;
}

// As gRPC writes addresses.
std::string AddressOf(const sockaddr_storage& peer) {
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

void ResetConnection(UniqueFd fd) { ResetOnClose(fd.get()); }

}  // namespace

Front::Front(std::string address, const TlsContext* tls, size_t max_connections,
             ToGrpc to_grpc)
    : address_(std::move(address)),
      tls_(tls),
      max_connections_(max_connections),
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
  HoldBuffers(client.get());
  {
    const auto few = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return arriving_ < kMaxArriving;
    };
    absl::MutexLock lock(&mutex_);
    changed_.WaitFor(&mutex_, kTakeLimit, few);
    ++arriving_;
  }
  asio::post(io_, [this, fd = std::make_shared<UniqueFd>(std::move(client))] {
    Enter(std::move(*fd));
    BeginWaiting();
    absl::MutexLock lock(&mutex_);
    --arriving_;
    changed_.NotifyAll();
  });
}

void Front::Close(std::chrono::nanoseconds timeout) {
  const auto arrived = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return arriving_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  changed_.WaitFor(&mutex_, timeout, arrived);
  closed_ = true;
  asio::post(io_, [this] { BeginWaiting(); });
}

void Front::Enter(UniqueFd client) {
  const sockaddr_storage peer = PeerOf(client);
  if (peer.ss_family == AF_UNSPEC) return;  // It has gone already.
  const std::string host = HostOf(peer);
  const Places::Entry entry = places_.Enter(host);
  if (!entry.id || entry.turned_out) TellFull(host);
  if (!entry.id) return ResetConnection(std::move(client));
  if (entry.turned_out) TurnOut(*entry.turned_out);
  waiting_.emplace(*entry.id, std::move(client));
}

void Front::TurnOut(Places::Id place) {
  if (auto waiting = waiting_.extract(place); !waiting.empty()) {
    return ResetConnection(std::move(waiting.mapped()));
  }
  if (leaving_.Reset(place)) return;
  std::shared_ptr<Connection> connection;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, client] : clients_) {
      if (client.place == place) connection = client.connection;
    }
  }
  if (connection != nullptr) connection->MakeRoom();
}

void Front::TellFull(const std::string& host) {
  if (!full_.Allows()) return;
  LogWarning("control_full", {{"address", address_},
                              {"connections", places_.taken()},
                              {"from_one_address", places_.TakenBy(host)}});
}

void Front::BeginWaiting() {
  const auto may_begin = [this] {
    absl::MutexLock lock(&mutex_);
    if (closed_) waiting_.clear();
    return !waiting_.empty() && clients_.size() < max_connections_;
  };
  while (may_begin()) {
    auto first = waiting_.extract(waiting_.begin());
    Begin(first.key(), std::move(first.mapped()));
  }
}

void Front::Begin(Places::Id place, UniqueFd client) {
  auto peer = std::make_shared<Peer>();
  peer->address = AddressOf(PeerOf(client));
  GrpcPair pair = NewGrpcPair(peer->address);
  if (!pair.ours.valid()) {
    if (refusals_.Allows()) {
      LogWarning("control_starved", {{"error", std::strerror(errno)}});
    }
    return places_.Leave(place);
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
          .on_end =
              [this, name](UniqueFd unacknowledged) {
                OnEnd(name, std::move(unacknowledged));
              }});
  {
    absl::MutexLock lock(&mutex_);
    clients_[name] = {
        .connection = connection, .peer = std::move(peer), .place = place};
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
  peer->certificate_names = dataplane::CertificateNames(*certificate);
  client.peer = std::move(peer);
}

void Front::OnRefused(const std::string& name, absl::string_view why) {
  if (!refusals_.Allows()) return;
  LogWarning("connection_refused",
             {{"peer", AddressIn(name)}, {"reason", why}});
}

void Front::OnEnd(const std::string& name, UniqueFd unacknowledged) {
  absl::MutexLock lock(&mutex_);
  Client& client = clients_.at(name);
  if (unacknowledged.valid()) {
    leaving_.Add(client.place, std::move(unacknowledged),
                 dataplane::Clock::now());
  } else {
    places_.Leave(client.place);
  }
  // Who calls this is a method of the connection's.
  asio::post(io_,
             [this, last = std::move(client.connection)] { BeginWaiting(); });
  clients_.erase(name);
  changed_.NotifyAll();
}

Front::Visitor Front::Find(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = clients_.find(name);
  if (found == clients_.end()) return {};
  const Client& client = found->second;
  return {.peer = client.peer, .trusted = !client.callers.empty()};
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
  client.connection->ExpectTrust();
  asio::post(io_, [this, place = client.place, connection = client.connection] {
    places_.Trust(place);
    connection->Trust();
  });
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
  changed_.WaitFor(&mutex_, timeout, none);
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
  for (const Places::Id place : leaving_.Tick(now)) places_.Leave(place);
  if (const uint64_t untold = refusals_.TakeUntold(); untold > 0) {
    LogWarning("connections_refused", {{"count", untold}});
  }
  timer_.expires_after(kTick);
  timer_.async_wait([this](asio::error_code error) {
    if (!error) Tick();
  });
}

}  // namespace tcptool::server
