// The fields that UpdateSession changes.
#ifndef TCPTOOL_SERVER_API_UPDATE_FIELDS_H_
#define TCPTOOL_SERVER_API_UPDATE_FIELDS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "server/api/invalid_field.h"
#include "tcptool/v1/session_requests.pb.h"

namespace tcptool::server {

struct UpdateField {
  absl::string_view path;
  bool of_finished;  // Of a finished session too.
  bool (*is_set)(const v1::SessionSpec& spec);
  void (*copy)(const v1::SessionSpec& from, v1::SessionSpec& to);
};

// Those that the request's mask names, or that are set in its session if it has
// no mask; in an order of their own, each once. Paths that are none of them go
// to `wrong`.
std::vector<const UpdateField*> UpdateFieldsOf(
    const v1::UpdateSessionRequest& request, InvalidFields& wrong);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_UPDATE_FIELDS_H_
