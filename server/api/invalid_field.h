// The error for a field of a request that is wrong.
#ifndef TCPTOOL_SERVER_API_INVALID_FIELD_H_
#define TCPTOOL_SERVER_API_INVALID_FIELD_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {

// INVALID_ARGUMENT with the path of the field first: "session.spec.allow[1]: ".
inline absl::Status InvalidField(absl::string_view path,
                                 absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_INVALID_FIELD_H_
