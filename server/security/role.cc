#include "server/security/role.h"

#include "absl/strings/match.h"

namespace tcptool::server {

std::optional<Role> ParseRole(absl::string_view text) {
  if (text == "viewer") return Role::kViewer;
  if (text == "operator") return Role::kOperator;
  return std::nullopt;
}

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kNone:
      break;
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
  }
  return "none";
}

Role RequiredRole(absl::string_view method) {
  if (absl::StartsWith(method, "/grpc.health.v1.Health/")) return Role::kNone;
  if (absl::StartsWith(method, "/grpc.reflection.")) return Role::kViewer;
  const absl::string_view name = method.substr(method.rfind('/') + 1);
  for (const absl::string_view reading : {"Get", "List", "Watch"}) {
    if (absl::StartsWith(name, reading)) return Role::kViewer;
  }
  return Role::kOperator;
}

}  // namespace tcptool::server
