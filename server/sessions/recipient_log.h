// Tells the log how recipients end.
#ifndef TCPTOOL_SERVER_SESSIONS_RECIPIENT_LOG_H_
#define TCPTOOL_SERVER_SESSIONS_RECIPIENT_LOG_H_

#include <string>

#include "absl/strings/string_view.h"
#include "dataplane/base/state.h"
#include "server/base/event_limit.h"
#include "tcptool/v1/recipient.pb.h"

namespace tcptool::server {

// Whoever reaches a data port can connect and leave as often as it likes, so
// the log has a line a second at most for peers that never were READY, and 100
// for others, with the number of those in between. One thread.
class RecipientLog {
 public:
  // A recipient whose state is final, and how the API shows it.
  void Add(absl::string_view session,
           const dataplane::RecipientStatus& recipient,
           const v1::Recipient& shown);
  // Call it periodically, so that the last ones are told too.
  void Flush();

 private:
  EventLimit strangers_;
  EventLimit others_{100};
  std::string last_address_;  // Of those not told one by one.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_RECIPIENT_LOG_H_
