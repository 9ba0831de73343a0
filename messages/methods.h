// The methods of the API, by their paths in HTTP/2.
#ifndef TCPTOOL_MESSAGES_METHODS_H_
#define TCPTOOL_MESSAGES_METHODS_H_

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace tcptool {

// "/tcptool.v1.SessionService/GetSession" and the like, as the protos have
// them.
const absl::flat_hash_set<absl::string_view>& ApiMethods();

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_METHODS_H_
