// Decides which finished session is deleted next.
#ifndef TCPTOOL_SERVER_SESSIONS_RETENTION_H_
#define TCPTOOL_SERVER_SESSIONS_RETENTION_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Not for several threads.
class Retention {
 public:
  // Adds a session that has ended, with its spec.
  void Add(const v1::Session& session);
  // False: it was not there.
  bool Remove(const std::string& name);

  // A session whose retention is over; none: there is none.
  std::optional<std::string> Expired(absl::Time now) const;
  // The session that ended first.
  std::optional<std::string> Oldest() const;

 private:
  struct Times {
    absl::Time end;
    absl::Time expiry;
  };
  std::map<std::string, Times> finished_;
  std::set<std::pair<absl::Time, std::string>> by_end_;
  std::set<std::pair<absl::Time, std::string>> by_expiry_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_RETENTION_H_
