// Decides who may make a call.
#ifndef TCPTOOL_SERVER_SECURITY_AUTH_H_
#define TCPTOOL_SERVER_SECURITY_AUTH_H_

#include <grpcpp/support/string_ref.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/security/peer.h"
#include "server/security/role.h"
#include "server/security/security_options.h"
#include "server/security/token_file.h"

namespace tcptool::server {

// Any thread may call any method. Not an AuthMetadataProcessor of gRPC's: 1.51
// converts all metadata for one, and aborts the process on some that a peer
// may send.
class Auth {
 public:
  using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

  // INVALID_ARGUMENT as TokenFile::Open(), and for --cert-role.
  static absl::StatusOr<std::unique_ptr<Auth>> Create(
      const SecurityOptions& options);

  // Authenticates a caller. UNAUTHENTICATED: no valid token or certificate. A
  // token takes precedence over a certificate. Never blocks.
  absl::StatusOr<Caller> Identify(const Metadata& metadata,
                                  const Peer& peer) const;

  // For an open call: UNAUTHENTICATED if the caller's token was revoked since,
  // PERMISSION_DENIED if its role is too low now.
  absl::Status Recheck(const Caller& caller, Role required) const;

  // Reloads the token file if it has changed; may block on a disk. One thread
  // at a time.
  void Refresh();
  // Another one whenever the tokens have changed.
  int version() const { return version_; }

 private:
  Auth() = default;

  // Whether callers are authenticated at all.
  bool enabled() const { return tokens_ != nullptr || !cert_roles_.empty(); }
  Caller OfCertificate(const Peer& peer) const;

  std::unique_ptr<TokenFile> tokens_;  // Null: tokens are ignored.
  // By "cn:NAME", "dns:NAME" or "uri:NAME"; "*": any other.
  std::map<std::string, Role> cert_roles_;
  std::atomic<int> version_ = 0;
};

// PERMISSION_DENIED, with what to do, if `caller` lacks the role that `method`
// requires.
absl::Status CheckRole(absl::string_view method, Role required,
                       const Caller& caller);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_AUTH_H_
