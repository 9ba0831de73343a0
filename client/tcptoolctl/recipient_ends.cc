#include "client/tcptoolctl/recipient_ends.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/states.h"

namespace tcptool {
namespace {

// Tells it from any other of the session; empty if it has none.
std::string ConnectionOf(const v1::Recipient& recipient) {
  if (!recipient.has_connect_time()) return "";
  return absl::StrCat(recipient.address(), " ",
                      recipient.connect_time().seconds(), " ",
                      recipient.connect_time().nanos());
}

}  // namespace

bool RecipientEnds::MayComeAgain(const v1::Recipient& recipient) const {
  return recipient.state() != v1::RECIPIENT_STATE_DELIVERED &&
         (expects_some_ || recipient.kind() == v1::RECIPIENT_KIND_NODE);
}

std::vector<v1::Recipient> RecipientEnds::Take(
    const v1::WatchSessionsResponse& response) {
  std::vector<v1::Recipient> ends;
  bool is_deleted = false;
  for (const v1::Change& change : response.changes()) {
    if (change.has_session()) {
      expects_some_ |= change.session().spec().expected_size() > 0;
      is_over_ |= IsFinal(change.session().state());
    }
    is_deleted |= change.has_deleted_name();
    if (!change.has_recipient()) continue;
    const v1::Recipient& recipient = change.recipient();
    if (ended_.contains(recipient.name())) continue;
    if (IsFinal(recipient.state()) && !MayComeAgain(recipient)) {
      open_.erase(recipient.name());
      ended_.insert(recipient.name());
      const std::string connection = ConnectionOf(recipient);
      if (recipient.state() == v1::RECIPIENT_STATE_DELIVERED &&
          !connection.empty() && !delivered_.insert(connection).second) {
        continue;
      }
      ends.push_back(recipient);
    } else {
      open_[recipient.name()] = recipient;
    }
  }
  // A bookmark says that the last states of the recipients have come.
  if (!is_deleted && !(is_over_ && response.bookmark())) return ends;
  for (auto& [name, recipient] : std::exchange(open_, {})) {
    ended_.insert(name);
    ends.push_back(std::move(recipient));
  }
  return ends;
}

}  // namespace tcptool
