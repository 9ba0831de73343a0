// Which recipients of a session have ended, once each.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_RECIPIENT_ENDS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_RECIPIENT_ENDS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool {

// Fed with a watch of one session and its recipients, which may come anew after
// a gap. Not for several threads.
//
// DELIVERED is a recipient's end. So are the other final states, unless the
// recipient may connect again: a node may, and each one where the session
// expects some. Its end is that of the session then, in the state that it has
// come to; so it is of one that was expected and has not come.
//
// A connection that is DELIVERED, and whose record becomes that of an expected
// recipient afterwards, by another name, has ended once.
class RecipientEnds {
 public:
  // Takes in a message, and returns those that have ended by it.
  std::vector<v1::Recipient> Take(const v1::WatchSessionsResponse& response);

 private:
  bool MayComeAgain(const v1::Recipient& recipient) const;

  bool expects_some_ = false;
  bool is_over_ = false;
  std::map<std::string, v1::Recipient> open_;  // Those that have not ended.
  std::set<std::string> ended_;                // Names.
  std::set<std::string> delivered_;            // Connections.
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_RECIPIENT_ENDS_H_
