// Who calls, and what they may do.
#ifndef TCPTOOL_SERVER_SECURITY_ROLE_H_
#define TCPTOOL_SERVER_SECURITY_ROLE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace tcptool::server {

// Each may what those before it may.
enum class Role {
  kNone,      // Health checks.
  kViewer,    // Calls that change nothing.
  kOperator,  // All.
};

struct Caller {
  std::string name;  // "token:NAME", "certificate:NAME" or "anonymous".
  Role role = Role::kNone;
};

// "viewer" or "operator".
std::optional<Role> ParseRole(absl::string_view text);
absl::string_view RoleName(Role role);

// What it takes to call `method`, "/package.Service/Method". A method that
// nobody thought of takes an operator: only the names that
// https://google.aip.dev/130 gives to reading are for viewers.
Role RequiredRole(absl::string_view method);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_ROLE_H_
