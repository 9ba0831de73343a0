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
// Our FIN is held back until the peer has acknowledged the content. A peer that
// has sent its own FIN by then did so early, and cannot say by closing that it
// has read everything. Only a reset can show that it has not, and Linux reports
// none once the peer has acknowledged our FIN (the socket is then in TIME_WAIT,
// or gone). So such a peer stays in CLOSE_WAIT, where a reset is reported, for
// kGrace before our FIN is sent.
//
// An early FIN is not always seen at once. It may follow the handshake byte,
// and small content would overtake it: our FIN is never sent within kGrace of
// the byte. And it may wait in the peer's kernel behind input for which our
// receive buffer has no room, or that a slow link carries: input is read once
// all content is acknowledged, and our FIN is not sent within kSilence, and a
// round trip, of the last of it.
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
  // after it has acknowledged everything; and how long after its byte a peer
  // without other input is taken for one that has not ended its side.
  static constexpr Clock::duration kGrace = std::chrono::milliseconds(100);
  // How long a peer with other input must have been silent for that, by
  // segments of data, new or sent again: longer than one of 1,500 bytes takes
  // on a link of 16 kbit/s.
  static constexpr Clock::duration kSilence = std::chrono::seconds(1);

  // `sockets` must outlive it. Uses the acknowledge_timeout, confirm_timeout
  // and recipient's rate of `limits`. `ready`: when the handshake byte was
  // seen.
  Delivery(SocketApi& sockets, int socket, const Limits& limits,
           Clock::time_point ready);

  // Polls the connection. Call it when the kernel has taken the last byte, then
  // on every event of the socket, and at next_check().
  Outcome Check(Clock::time_point now);

  // Ends our side. Call it once, after kMayEnd.
  Outcome End(Clock::time_point now);

  // Valid after kPending. The kernel signals no event when all is acknowledged,
  // so it is polled, at growing intervals. It does signal input: call Check()
  // when the socket is readable, from acknowledged() until peer_closed().
  Clock::time_point next_check() const { return next_check_; }

  // Everything handed to the kernel is, our FIN included once it is sent.
  bool acknowledged() const { return acknowledged_; }
  // Bytes that the peer has not acknowledged, our FIN included once it is sent.
  int unacknowledged() const { return unacknowledged_; }
  bool ended() const { return ended_at_.has_value(); }
  bool peer_closed() const { return peer_closed_; }
  int error() const { return error_; }  // -errno

 private:
  // `less`: than at the check before is unacknowledged.
  Outcome CheckAcknowledged(bool less, Clock::time_point now);
  Outcome CheckGrace(Clock::time_point now);
  Outcome CheckClosed(bool less, Clock::time_point now);
  // Sets next_check_ for a poll of SIOCOUTQ, at most at `deadline`.
  void PollUntil(Clock::time_point deadline, bool less, Clock::time_point now);
  // Reads and discards the peer's input, the handshake byte first. False: the
  // connection is broken.
  bool DrainInput(Clock::time_point now);
  Outcome Lost(int error);

  SocketApi& sockets_;
  const int socket_;
  const Clock::duration acknowledge_timeout_;
  const Clock::duration confirm_timeout_;
  const uint64_t rate_;
  const Clock::time_point earliest_end_;
  // Start of the wait for acknowledgement.
  std::optional<Clock::time_point> since_;
  Clock::time_point next_check_;
  std::optional<Progress> progress_;
  int to_acknowledge_ = 0;  // At the start of that wait.
  int unacknowledged_ = 0;
  bool acknowledged_ = false;
  // When the peer's FIN was seen, with everything acknowledged and our end
  // still to come.
  std::optional<Clock::time_point> half_closed_at_;
  uint64_t input_ = 0;  // Bytes read.
  // Of input behind the handshake byte: when the last was read, or has come a
  // second time, and the first since the peer was last silent for long enough.
  std::optional<Clock::time_point> last_input_;
  uint32_t data_segments_in_ = 0;  // At the last look.
  std::optional<Clock::time_point> input_since_;
  std::optional<Clock::time_point> ended_at_;  // Our FIN was handed over.
  int error_ = 0;
  bool peer_closed_ = false;  // Its FIN has been read.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_DELIVERY_H_
