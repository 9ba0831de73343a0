#include "server/peers/peer_port.h"

#include <sys/socket.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "dataplane/lanes/socket_api.h"
#include "server/base/log.h"

namespace tcptool::server {

using asio::ip::tcp;
using asio::posix::stream_descriptor;
using dataplane::SocketApi;
using dataplane::TlsConnection;
using dataplane::UniqueFd;

// One connection whose ticket has not come. It is reset when it is dropped.
class PeerPort::Waiting : public std::enable_shared_from_this<Waiting> {
 public:
  Waiting(PeerPort& port, Places::Id id, tcp::endpoint peer)
      : port_(&port),
        id_(id),
        socket_(port.io_),
        timer_(port.io_),
        peer_(std::move(peer)) {}

  void Start(UniqueFd socket) {
    // Fails where the kernel has no memory for it, or no more watches for this
    // user (epoll_ctl(2)).
    std::error_code error;
    socket_.assign(socket.get(), error);
    if (error) return End();
    const int descriptor = socket.release();
    if (port_->new_tls_ != nullptr) {
      tls_ = std::make_unique<TlsConnection>(SocketApi::Real(),
                                             port_->new_tls_(), descriptor,
                                             dataplane::TlsRole::kServer);
      tls_->RequireCertificate();
    }
    timer_.expires_after(port_->limits_.timeout);
    timer_.async_wait([self = shared_from_this()](std::error_code error) {
      if (!error) self->End();
    });
    Read();
  }

  // Resets it.
  void Drop() {
    port_ = nullptr;
    timer_.cancel();
    std::error_code ignored;
    socket_.close(ignored);
  }

 private:
  void Read() {
    if (port_ == nullptr || !HasShakenHands()) return;
    SocketApi& calls = tls_ ? *tls_ : SocketApi::Real();
    const std::span<std::byte> rest = std::span(secret_).subspan(filled_);
    const ssize_t got = calls.Receive(socket_.native_handle(), rest);
    if (got == -EAGAIN) return Wait(stream_descriptor::wait_read);
    if (got <= 0) return End();
    filled_ += static_cast<size_t>(got);
    // A part of it may have come within a record, of which the socket says
    // nothing more.
    if (filled_ < secret_.size()) return Read();
    timer_.cancel();
    PeerPort& port = *std::exchange(port_, nullptr);
    DataConnection connection = {.socket = UniqueFd(socket_.release()),
                                 .peer = peer_,
                                 .tls = std::move(tls_)};
    port.Forget(id_);
    port.on_ticket_(secret_, std::move(connection));
  }

  // If not, it waits for that, or has ended.
  bool HasShakenHands() {
    if (tls_ == nullptr || tls_->ready()) return true;
    switch (tls_->Handshake()) {
      case TlsConnection::Outcome::kDone:
        return true;
      case TlsConnection::Outcome::kWaitsForInput:
        Wait(stream_descriptor::wait_read);
        return false;
      case TlsConnection::Outcome::kWaitsForRoom:
        Wait(stream_descriptor::wait_write);
        return false;
      case TlsConnection::Outcome::kFailed:
        port_->LogRefused(peer_, tls_->error());
        [[fallthrough]];
      case TlsConnection::Outcome::kClosed:
        End();
        return false;
    }
    return false;
  }

  void Wait(stream_descriptor::wait_type what) {
    socket_.async_wait(what,
                       [self = shared_from_this()](std::error_code error) {
                         if (!error) self->Read();
                       });
  }

  void End() {
    if (port_ == nullptr) return;
    PeerPort& port = *port_;
    Drop();
    port.Forget(id_);
  }

  PeerPort* port_;  // Null: it is not waited for any more.
  const Places::Id id_;
  stream_descriptor socket_;
  std::unique_ptr<TlsConnection> tls_;  // Null: it is in clear text.
  asio::steady_timer timer_;
  const tcp::endpoint peer_;
  TicketBook::Secret secret_{};
  size_t filled_ = 0;
};

absl::StatusOr<std::unique_ptr<PeerPort>> PeerPort::Listen(
    asio::io_context& io, const tcp::endpoint& endpoint, const Limits& limits,
    TicketsOf tickets_of, OnTicket on_ticket, NewTls new_tls) {
  auto listener = dataplane::Listener::Listen(io, SocketApi::Real(), endpoint);
  if (!listener.ok()) return listener.status();
  return std::unique_ptr<PeerPort>(
      new PeerPort(io, *std::move(listener), limits, std::move(tickets_of),
                   std::move(on_ticket), std::move(new_tls)));
}

PeerPort::~PeerPort() {
  for (const auto& [id, waiting] : waiting_) waiting->Drop();
}

void PeerPort::Open() {
  listener_.Open({.on_connection =
                      [this](UniqueFd socket, const tcp::endpoint& peer) {
                        OnConnection(std::move(socket), peer);
                      },
                  .on_no_descriptors = [](const tcp::endpoint&) {}});
}

void PeerPort::OnConnection(UniqueFd socket, const tcp::endpoint& peer) {
  const std::string host = HostOf(peer.address());
  const Places::Entry entry = places_.Enter(host);
  if (entry.turned_out) {
    waiting_.at(*entry.turned_out)->Drop();
    waiting_.erase(*entry.turned_out);
  }
  if (!entry.id) return;  // The connection is reset.
  // Half of the places: somebody with tickets for many addresses could have
  // all.
  if (places_.trusted() < limits_.most_waiting / 2 &&
      places_.TrustedOf(host) < tickets_of_(host)) {
    places_.Trust(*entry.id);
  }
  const auto waiting = std::make_shared<Waiting>(*this, *entry.id, peer);
  waiting_.emplace(*entry.id, waiting);
  waiting->Start(std::move(socket));
}

void PeerPort::LogRefused(const tcp::endpoint& peer, const std::string& why) {
  if (!refusals_.Allows()) return;
  LogWarning("data_connection_refused",
             {{"address", peer.address().to_string()},
              {"reason", why},
              {"untold_before", refusals_.TakeUntold()}});
}

void PeerPort::Forget(Places::Id id) {
  places_.Leave(id);
  waiting_.erase(id);
}

}  // namespace tcptool::server
