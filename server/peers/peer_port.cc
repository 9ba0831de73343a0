#include "server/peers/peer_port.h"

#include <sys/socket.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "dataplane/lanes/socket_api.h"

namespace tcptool::server {

using asio::ip::tcp;
using dataplane::SocketApi;
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
    socket.release();
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
    if (port_ == nullptr) return;
    const std::span<std::byte> rest = std::span(secret_).subspan(filled_);
    const ssize_t got =
        SocketApi::Real().Receive(socket_.native_handle(), rest);
    if (got == -EAGAIN) return Wait();
    if (got <= 0) return End();
    filled_ += static_cast<size_t>(got);
    if (filled_ < secret_.size()) return Wait();
    timer_.cancel();
    PeerPort& port = *std::exchange(port_, nullptr);
    UniqueFd socket(socket_.release());
    port.Forget(id_);
    port.on_ticket_(secret_, std::move(socket), peer_);
  }

  void Wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
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
  asio::posix::stream_descriptor socket_;
  asio::steady_timer timer_;
  const tcp::endpoint peer_;
  TicketBook::Secret secret_{};
  size_t filled_ = 0;
};

absl::StatusOr<std::unique_ptr<PeerPort>> PeerPort::Listen(
    asio::io_context& io, const tcp::endpoint& endpoint, const Limits& limits,
    TicketsOf tickets_of, OnTicket on_ticket) {
  auto listener = dataplane::Listener::Listen(io, SocketApi::Real(), endpoint);
  if (!listener.ok()) return listener.status();
  return std::unique_ptr<PeerPort>(new PeerPort(io, *std::move(listener),
                                                limits, std::move(tickets_of),
                                                std::move(on_ticket)));
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

void PeerPort::Forget(Places::Id id) {
  places_.Leave(id);
  waiting_.erase(id);
}

}  // namespace tcptool::server
