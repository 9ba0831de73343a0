// Messages that tests of the session table fill it with.
#ifndef TCPTOOL_TESTS_SERVER_WATCH_MESSAGES_H_
#define TCPTOOL_TESTS_SERVER_WATCH_MESSAGES_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// A session named "sessions/ID", whose spec has a file.
inline v1::Session Waiting(const std::string& id) {
  v1::Session session;
  session.set_name("sessions/" + id);
  session.set_state(v1::SESSION_STATE_WAITING);
  session.mutable_spec()->mutable_file()->set_path(id);
  return session;
}

// As the data plane's updates are: without a spec.
inline v1::Session StatusOf(const v1::Session& session) {
  v1::Session status = session;
  status.clear_spec();
  return status;
}

inline v1::Recipient Recipient(const v1::Session& session, uint64_t number,
                               v1::RecipientState state, int64_t bytes = 0) {
  v1::Recipient recipient;
  recipient.set_name(absl::StrCat(session.name(), "/recipients/", number));
  recipient.set_state(state);
  recipient.set_bytes_sent(bytes);
  return recipient;
}

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_WATCH_MESSAGES_H_
