// Proof that a recipient has every byte. send(2) returning is none: it says
// that the kernel has the bytes, not that the peer does.
#ifndef TCPTOOL_DATAPLANE_SENDING_DELIVERY_H_
#define TCPTOOL_DATAPLANE_SENDING_DELIVERY_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

using Clock = std::chrono::steady_clock;

// Follows one connection from the last byte handed to the kernel to the proof.
class Delivery {
 public:
  enum class Outcome : uint8_t {
    kPending,
    kDelivered,
    kLost,         // The connection broke; error() says how.
    kUnconfirmed,  // No progress for the time allowed.
  };

  // How long a peer that ended its side early may still reset the connection
  // after it has acknowledged everything. It cannot say that it has closed.
  static constexpr Clock::duration kGrace = std::chrono::milliseconds(100);

  Delivery(SocketApi& sockets, int socket, Clock::duration confirm_timeout)
      : sockets_(sockets), socket_(socket), confirm_timeout_(confirm_timeout) {}

  // Consumes the peer's input, the handshake byte first, and ends our side.
  // Call it once, when the kernel has the last byte.
  Outcome Begin(Clock::time_point now);

  // Looks again: when the peer's input can be read, and from time to time.
  Outcome Check(Clock::time_point now);

  // Bytes, the end included, that the peer has not acknowledged.
  int unacknowledged() const { return unacknowledged_; }
  bool peer_closed() const { return peer_closed_; }
  int error() const { return error_; }  // -errno

 private:
  // Reads and drops what has come in. False: the connection has broken.
  bool DrainInput();
  Outcome Lost(int error);

  SocketApi& sockets_;
  const int socket_;
  const Clock::duration confirm_timeout_;
  Clock::time_point last_progress_;
  std::optional<Clock::time_point> acknowledged_at_;
  int unacknowledged_ = 0;
  int error_ = 0;
  bool peer_closed_ = false;
  bool closed_early_ = false;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_DELIVERY_H_
