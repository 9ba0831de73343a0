#include "server/security/role.h"

#include <google/protobuf/descriptor.pb.h>

namespace tcptool::server {

std::optional<Role> ParseRole(absl::string_view text) {
  if (text == "viewer") return Role::kViewer;
  if (text == "peer") return Role::kPeer;
  if (text == "operator") return Role::kOperator;
  return std::nullopt;
}

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kNone:
      break;
    case Role::kViewer:
      return "viewer";
    case Role::kPeer:
      return "peer";
    case Role::kOperator:
      return "operator";
  }
  return "none";
}

Role RequiredRole(const google::protobuf::MethodDescriptor& method) {
  return method.options().idempotency_level() ==
                 google::protobuf::MethodOptions::NO_SIDE_EFFECTS
             ? Role::kViewer
             : Role::kOperator;
}

}  // namespace tcptool::server
