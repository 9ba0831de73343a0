// One order of events happens to one recipient of a new session, and what has
// become of it is held against the promises.
#ifndef TCPTOOL_TESTS_DATAPLANE_MODEL_TRIAL_H_
#define TCPTOOL_TESTS_DATAPLANE_MODEL_TRIAL_H_

#include <cstddef>
#include <string>

#include "dataplane/engine/engine.h"
#include "tests/dataplane/model/sender.h"

namespace tcptool::dataplane {

struct Trial {
  std::string order;
  // The sender's lane stands still until all of it has happened, so that it
  // finds it all at once. If not, it sees each event before the next.
  bool held = false;
  size_t size = 0;  // Of the content.

  std::string ToString() const;
};

struct Verdict {
  std::string broken;  // Which promise, and how; empty: none.
  // The recipient has taken the content for whole, and the sender says so.
  bool delivered = false;
  // It cannot be judged: the machine was so busy that what had to happen within
  // the time in which a reset is looked for took longer. To be tried again.
  bool too_slow = false;
};

// The engine has one lane, and only this trial at the time.
Verdict Run(const Trial& trial, Engine& engine, SenderProcesses& processes);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_MODEL_TRIAL_H_
