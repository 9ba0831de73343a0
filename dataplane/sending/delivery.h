// Proof that a recipient has every byte. send(2) returning is none: it says
// that the kernel has the bytes, not that the peer does.
#ifndef TCPTOOL_DATAPLANE_SENDING_DELIVERY_H_
#define TCPTOOL_DATAPLANE_SENDING_DELIVERY_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "dataplane/lanes/socket_api.h"
#include "dataplane/sending/limits.h"
#include "dataplane/sending/progress.h"

namespace tcptool::dataplane {

// Follows one connection from the last byte handed to the kernel to the proof.
//
//   Check() ... kMayEnd, End(), Check() ... kDelivered
//
// Our end (FIN) is held back until the peer has acknowledged the content: a
// peer that has ended its side by then did so early, and cannot say by closing
// that it has read everything. All that can be seen of it is a reset, and Linux
// shows none once it has acknowledged our end (the socket is in TIME_WAIT, or
// gone). So it gets kGrace in CLOSE_WAIT, where a reset is seen, before the
// end. And nobody gets the end within kGrace of its byte, lest small content
// overtake a half-close that comes right behind the byte.
class Delivery {
 public:
  enum class Outcome : uint8_t {
    kPending,
    kMayEnd,       // All content is acknowledged: call End().
    kDelivered,    // Everything, the end included, and the peer has closed.
    kLost,         // The connection broke; error() says how.
    kUnconfirmed,  // One of the limits has passed.
  };

  // How long a peer that ended its side early may still reset the connection
  // after it has acknowledged everything.
  static constexpr Clock::duration kGrace = std::chrono::milliseconds(100);

  // `sockets` outlives it. Of `limits`, acknowledge_timeout and
  // confirm_timeout count, and the recipient's rate. `ready`: when the
  // handshake byte was seen.
  Delivery(SocketApi& sockets, int socket, const Limits& limits,
           Clock::time_point ready);

  // Looks how far it is: first when the kernel has the last byte, then whenever
  // something happens to the socket, and at next_check().
  Outcome Check(Clock::time_point now);

  // Consumes the peer's input, the handshake byte first, and ends our side.
  // Call it once, after kMayEnd.
  Outcome End(Clock::time_point now);

  // After kPending. The kernel tells nobody that all is acknowledged: it is
  // asked at growing intervals. It does tell when the peer closes.
  Clock::time_point next_check() const { return next_check_; }

  bool acknowledged() const { return acknowledged_at_.has_value(); }
  // Bytes, our end included once it is sent, that the peer has not
  // acknowledged.
  int unacknowledged() const { return unacknowledged_; }
  bool ended() const { return ended_; }
  bool peer_closed() const { return peer_closed_; }
  int error() const { return error_; }  // -errno

 private:
  Outcome CheckAcknowledged(int unacknowledged, Clock::time_point now);
  Outcome CheckGrace(Clock::time_point now);
  Outcome CheckClosed(Clock::time_point now);
  // Reads and drops what has come in. False: the connection has broken.
  bool DrainInput();
  Outcome Lost(int error);

  SocketApi& sockets_;
  const int socket_;
  const Clock::duration acknowledge_timeout_;
  const Clock::duration confirm_timeout_;
  const uint64_t rate_;
  const Clock::time_point earliest_end_;
  Clock::time_point since_;  // Of the wait for acknowledgement.
  Clock::time_point next_check_;
  std::optional<Progress> progress_;
  int to_acknowledge_ = 0;  // At first.
  int unacknowledged_ = 0;
  // Since when everything handed to the kernel is.
  std::optional<Clock::time_point> acknowledged_at_;
  int error_ = 0;
  bool ended_ = false;
  bool peer_closed_ = false;  // Its end has been read.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_DELIVERY_H_
