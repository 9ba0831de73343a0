// Who calls, and what they may do.
#ifndef TCPTOOL_SERVER_SECURITY_ROLE_H_
#define TCPTOOL_SERVER_SECURITY_ROLE_H_

#include <google/protobuf/descriptor.h>

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
  // "token:NAME", "certificate:cn:NAME" (or dns:, uri:), or "anonymous".
  std::string name;
  Role role = Role::kNone;
  // The hash of the token that they came with; empty if they came without.
  std::string token_hash;
};

// "viewer" or "operator".
std::optional<Role> ParseRole(absl::string_view text);
absl::string_view RoleName(Role role);

// What it takes to call a method of the API: a viewer where the proto says
// `option idempotency_level = NO_SIDE_EFFECTS`, else an operator.
Role RequiredRole(const google::protobuf::MethodDescriptor& method);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_ROLE_H_
