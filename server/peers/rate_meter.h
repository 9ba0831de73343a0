// How fast a content comes from a node.
#ifndef TCPTOOL_SERVER_PEERS_RATE_METER_H_
#define TCPTOOL_SERVER_PEERS_RATE_METER_H_

#include <chrono>
#include <cstdint>
#include <optional>

namespace tcptool::server {

// Tells apart the time in which the node had something to give: who waits for a
// node that waits itself is not slow, and nor is that node's link to it. What
// comes in all the time is the least that the link can do. Has no clock, and is
// told of each message of the node.
class RateMeter {
 public:
  using Clock = std::chrono::steady_clock;

  struct Rate {
    Clock::duration busy{};      // How long it had something to give.
    uint64_t bytes = 0;          // What has come in that time.
    Clock::duration observed{};  // With the time in which it had nothing.
    uint64_t observed_bytes = 0;
  };

  // The node could send `watermark` bytes from the content's start on, and
  // `position` have come. Returns what was measured since the measurement
  // before began, 200 ms ago or more. The node was busy all that time if less
  // has come by now than it could send at its beginning; compared with what it
  // can send now, bytes that are on their way would look as if it held them
  // back. None: it is too early, or nothing can be said of that time.
  std::optional<Rate> Heard(uint64_t watermark, uint64_t position,
                            Clock::time_point now);

  // The node sends nothing from here on, until it is heard of again.
  void Stop() { start_.reset(); }

 private:
  struct Start {
    uint64_t watermark;
    uint64_t position;
    Clock::time_point time;
  };

  std::optional<Start> start_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_RATE_METER_H_
