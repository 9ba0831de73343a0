// By which other processes of a host know for certain that one is dead.
#ifndef TCPTOOL_SERVER_FLEET_MEMBERSHIP_LIFE_SIGN_H_
#define TCPTOOL_SERVER_FLEET_MEMBERSHIP_LIFE_SIGN_H_

#include <string>

#include "dataplane/base/unique_fd.h"

namespace tcptool::fleet {

// A Unix socket with a name that no other process ever has, in the abstract
// namespace (unix(7)): the kernel frees that when the process has ended,
// however that was, and not while it is stopped or hangs. It says nothing to
// those that are on another host, in another network namespace or of another
// boot: to these the process is never known to be dead. Nor is it where
// somebody has taken the name since.
class LifeSign {
 public:
  // Needs /proc/sys and /proc/self; without them, or without a descriptor,
  // there is none.
  LifeSign();

  // What is told of it; empty: there is none.
  const std::string& text() const { return text_; }

  // Whether the process that has told `text`, which may be anything, is dead.
  // False where that is not certain. Any thread.
  static bool IsGone(const std::string& text);

 private:
  dataplane::UniqueFd socket_;
  std::string text_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_MEMBERSHIP_LIFE_SIGN_H_
