// Accepts connections for a session.
#ifndef TCPTOOL_DATAPLANE_SESSION_LISTENER_H_
#define TCPTOOL_DATAPLANE_SESSION_LISTENER_H_

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

// Lives on one thread, that of its io_context, after Listen().
class Listener {
 public:
  struct Handlers {
    std::function<void(UniqueFd, const asio::ip::tcp::endpoint&)> on_connection;
    // A connection was reset, since this process has no descriptor left for it.
    std::function<void(const asio::ip::tcp::endpoint&)> on_no_descriptors;
  };

  // Binds and listens. INVALID_ARGUMENT (not an address of this host),
  // ALREADY_EXISTS (in use), PERMISSION_DENIED or RESOURCE_EXHAUSTED (no
  // descriptors) name the endpoint; UNAVAILABLE: listen(2) failed.
  static absl::StatusOr<Listener> Listen(
      asio::io_context& io, SocketApi& sockets,
      const asio::ip::tcp::endpoint& endpoint);

  // Whether Listen() would succeed now, by binding and not listening; errors
  // are its.
  static absl::Status Check(const asio::ip::tcp::endpoint& endpoint);

  const asio::ip::tcp::endpoint& endpoint() const;

  // Calls the handlers for each connection until the listener is closed or
  // destroyed; no handler is called after that.
  void Open(Handlers handlers);

  // Accepts the whole accept queue at once: whoever connected before this call
  // is passed to on_connection during it.
  void AcceptPending();

  Listener(Listener&&) = default;
  ~Listener();

 private:
  class Impl;
  explicit Listener(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_LISTENER_H_
