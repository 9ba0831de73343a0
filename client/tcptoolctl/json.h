// The control API's messages as JSON, for programs.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_JSON_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_JSON_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"

namespace tcptool {

// One line, without its end. Fields at their defaults are included. For a
// message that has no JSON, as one with a time past the year 9999, an
// ErrorJson() that says so, and JsonStatus() is an error from then on. For any
// thread, as that is.
std::string Json(const google::protobuf::Message& message);

// Whether all messages that this process has told by Json() had one. INTERNAL:
// not all; says what to do.
absl::Status JsonStatus();

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_JSON_H_
