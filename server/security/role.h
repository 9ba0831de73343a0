// The roles, and who makes a call.
#ifndef TCPTOOL_SERVER_SECURITY_ROLE_H_
#define TCPTOOL_SERVER_SECURITY_ROLE_H_

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tcptool::server {

// Each role includes those before it.
enum class Role {
  kNone,      // Health checks.
  kViewer,    // Calls that change nothing.
  kPeer,      // And another node's: content, with the digests of its blocks.
  kOperator,  // All.
};

struct Caller {
  // "token:NAME", "certificate:cn:NAME" (or dns:, uri:), or "anonymous".
  std::string name;
  Role role = Role::kNone;
  // The hash of the caller's token; empty without one.
  std::string token_hash;
  // Of the certificate that the connection was made with, beside a token too
  // (Peer::certificate_names).
  std::vector<std::string> certificate_names;

  // The name of a caller whom the service knows; else empty.
  std::string identity() const { return name == kAnonymous ? "" : name; }

  static constexpr absl::string_view kAnonymous = "anonymous";
};

// "viewer", "peer" or "operator".
std::optional<Role> ParseRole(absl::string_view text);
absl::string_view RoleName(Role role);

// The role that a method of the API requires: viewer where the proto says
// `option idempotency_level = NO_SIDE_EFFECTS`, else operator.
Role RequiredRole(const google::protobuf::MethodDescriptor& method);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_ROLE_H_
