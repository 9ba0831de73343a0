#include "dataplane/session/listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <asio/ip/v6_only.hpp>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/descriptor_reserve.h"
#include "dataplane/base/dual_stack.h"
#include "dataplane/session/access_list.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;

// The receive buffer: recipients send one byte. The kernel doubles this value,
// and allows none that is smaller; it bounds what a peer can make the kernel
// hold.
constexpr int kReceiveBuffer = 4096;

// Connections that are accepted before the lane runs other handlers.
constexpr int kBatch = 64;

// More than the kernel queues for a listener (listen(2), somaxconn).
constexpr int kQueue = 2 * asio::socket_base::max_listen_connections;

// Whether accept(2) failed for this one connection, which broke while it was in
// the queue; the next one may be accepted at once.
bool IsOfConnection(int error) {
  switch (-error) {
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
    case EPERM:
      return true;
    default:
      return false;
  }
}

// A descriptor to give up when accept(2) finds none: see ResetOneConnection().
UniqueFd OpenSpare() {
  return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

tcp::endpoint ToEndpoint(const sockaddr_storage& address, socklen_t size) {
  tcp::endpoint endpoint;
  if (size > endpoint.capacity()) return endpoint;
  std::memcpy(endpoint.data(), &address, size);
  endpoint.resize(size);
  return {Unmapped(endpoint.address()), endpoint.port()};
}

absl::Status BindError(const tcp::endpoint& endpoint,
                       const std::error_code& error) {
  std::ostringstream name;
  name << endpoint;
  const std::string message =
      absl::StrCat("cannot listen on ", name.str(), ": ", error.message());
  if (error == asio::error::address_in_use) {
    return absl::AlreadyExistsError(
        absl::StrCat(message, "; choose another port, or 0 for any"));
  }
  if (error == asio::error::access_denied) {
    return absl::PermissionDeniedError(
        absl::StrCat(message, "; ports below 1024 need CAP_NET_BIND_SERVICE"));
  }
  if (error == asio::error::no_descriptors) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(message, "; choose an address of this host"));
}

}  // namespace

class Listener::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, SocketApi& sockets)
      : sockets_(sockets), acceptor_(io), retry_(io), spare_(OpenSpare()) {}

  absl::Status Bind(tcp::endpoint endpoint) {
    std::error_code error;
    OpenDualStack(acceptor_, endpoint, error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.non_blocking(true, error);
    // Connections inherit it from the listening socket.
    const asio::socket_base::receive_buffer_size size(kReceiveBuffer);
    if (!error) acceptor_.set_option(size, error);
    // Inherited too. However this process ends, SIGKILL included, the kernel
    // closes its connections, and resets those with a linger time of 0. A
    // recipient would take a FIN for the end of the whole content.
    if (!error) ResetOnClose(acceptor_.native_handle());
    // "::" is all addresses of both families, whatever net.ipv6.bindv6only
    // says.
    if (!error && endpoint.protocol() == tcp::v6()) {
      acceptor_.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) acceptor_.bind(endpoint, error);
    if (error) return BindError(endpoint, error);
    return absl::OkStatus();
  }

  absl::Status Listen(const tcp::endpoint& endpoint) {
    if (absl::Status status = Bind(endpoint); !status.ok()) return status;
    std::error_code error;
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    // With SO_REUSEADDR two sockets may bind(2) the same port while neither of
    // them listens; the second listen(2) fails.
    if (error == asio::error::address_in_use) return BindError(endpoint, error);
    if (!error) endpoint_ = acceptor_.local_endpoint(error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("the system does not listen: ", error.message()));
    }
    return absl::OkStatus();
  }

  void Open(Handlers handlers) {
    handlers_ = std::move(handlers);
    Wait();
  }

  void Accept(int at_most) {
    for (int i = 0; i < at_most && acceptor_.is_open(); ++i) {
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      int fd = sockets_.Accept(acceptor_.native_handle(), &address, &size);
      if (fd >= first_reserved_) {
        ResetAndClose(fd);
        handlers_.on_no_descriptors(ToEndpoint(address, size));
        continue;
      }
      if (fd >= 0) {
        handlers_.on_connection(UniqueFd(fd), ToEndpoint(address, size));
        continue;
      }
      if (fd == -EMFILE || fd == -ENFILE) fd = ResetOneConnection();
      if (fd == -EAGAIN) return;
      if (fd < 0 && !IsOfConnection(fd)) return Pause();
    }
  }

  void Close() {
    std::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  }

  const tcp::endpoint& endpoint() const { return endpoint_; }

 private:
  void Wait() {
    acceptor_.async_wait(tcp::acceptor::wait_read,
                         [self = shared_from_this()](std::error_code error) {
                           if (error || !self->acceptor_.is_open()) return;
                           self->Accept(kBatch);
                           self->Resume();
                         });
  }

  void Resume() {
    if (acceptor_.is_open() && !paused_) Wait();
  }

  // Out of descriptors: closes the spare one, accepts a connection with it and
  // resets that. Left in the queue, it would wake the lane again and again.
  // Returns as SocketApi::Accept().
  int ResetOneConnection() {
    if (!spare_.valid()) return -EMFILE;
    spare_ = UniqueFd();
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int fd = sockets_.Accept(acceptor_.native_handle(), &address, &size);
    if (fd >= 0) ResetAndClose(fd);
    spare_ = OpenSpare();
    if (fd >= 0) handlers_.on_no_descriptors(ToEndpoint(address, size));
    return fd;
  }

  // accept(2) failed for want of descriptors or memory: tries again in 100 ms.
  void Pause() {
    if (std::exchange(paused_, true)) return;
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([self = shared_from_this()](std::error_code) {
      self->paused_ = false;
      // Another thread may have taken the descriptor before it was opened
      // again.
      if (!self->spare_.valid()) self->spare_ = OpenSpare();
      self->Accept(kBatch);
      self->Resume();
    });
  }

  SocketApi& sockets_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  UniqueFd spare_;
  tcp::endpoint endpoint_;
  Handlers handlers_;
  bool paused_ = false;
  const int first_reserved_ = DescriptorReserve::Now().first_reserved();
};

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Listener::~Listener() {
  if (impl_ != nullptr) impl_->Close();
}

absl::StatusOr<Listener> Listener::Listen(asio::io_context& io,
                                          SocketApi& sockets,
                                          const tcp::endpoint& endpoint) {
  auto impl = std::make_shared<Impl>(io, sockets);
  if (absl::Status status = impl->Listen(endpoint); !status.ok()) {
    return status;
  }
  return Listener(std::move(impl));
}

absl::Status Listener::Check(const tcp::endpoint& endpoint) {
  SocketApi sockets;
  try {
    asio::io_context io;
    return std::make_shared<Impl>(io, sockets)->Bind(endpoint);
  } catch (const std::system_error& error) {
    // asio's event loop has descriptors of its own.
    return BindError(endpoint, error.code());
  }
}

const tcp::endpoint& Listener::endpoint() const { return impl_->endpoint(); }

void Listener::Open(Handlers handlers) { impl_->Open(std::move(handlers)); }

void Listener::AcceptPending() { impl_->Accept(kQueue); }

}  // namespace tcptool::dataplane
