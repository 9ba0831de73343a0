// Decides which finished session, or reception, is deleted next.
#ifndef TCPTOOL_SERVER_SESSIONS_RETENTION_H_
#define TCPTOOL_SERVER_SESSIONS_RETENTION_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "dataplane/base/clock.h"

namespace tcptool::server {

// Not for several threads.
class Retention {
 public:
  using Clock = dataplane::Clock;

  // Adds one that has ended, and is to be kept for `kept` from then.
  void Add(const std::string& name, Clock::time_point end, absl::Duration kept);
  // False: it was not there.
  bool Remove(const std::string& name);

  // One whose retention is over; none: there is none.
  std::optional<std::string> Expired(Clock::time_point now) const;
  // The one that ended first.
  std::optional<std::string> Oldest() const;

 private:
  struct Times {
    Clock::time_point end;
    Clock::time_point expiry;
  };
  std::map<std::string, Times> finished_;
  std::set<std::pair<Clock::time_point, std::string>> by_end_;
  std::set<std::pair<Clock::time_point, std::string>> by_expiry_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_RETENTION_H_
