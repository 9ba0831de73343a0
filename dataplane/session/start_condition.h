// Decides when a session starts by itself.
#ifndef TCPTOOL_DATAPLANE_SESSION_START_CONDITION_H_
#define TCPTOOL_DATAPLANE_SESSION_START_CONDITION_H_

#include <cstdint>

#include "dataplane/session/session_options.h"

namespace tcptool::dataplane {

// Stateless: the same situation always gives the same verdict.
class StartCondition {
 public:
  // What the condition depends on.
  struct Situation {
    uint64_t ready = 0;  // Recipients that are READY.
    // All recipients that are expected are among them, and there are such.
    bool all_expected_are_ready = false;
    // A recipient that was READY sent the start byte.
    bool start_byte_seen = false;
    // StartPolicy::max_wait is over.
    bool max_wait_is_over = false;
  };

  enum class Verdict : uint8_t {
    kWait,
    // A recipient sent the start byte: start without probing the others.
    kStart,
    // Enough are READY as far as is known: a host that has lost power is among
    // them until TCP notices, so probe them first.
    kStartIfAlive,
  };

  // `max_recipients` is that of SessionOptions.
  StartCondition(const StartPolicy& policy, uint32_t max_recipients)
      : policy_(policy), max_recipients_(max_recipients) {}

  Verdict Check(const Situation& situation) const;

 private:
  const StartPolicy policy_;
  const uint32_t max_recipients_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_START_CONDITION_H_
