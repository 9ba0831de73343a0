// Decides who may make a call.
#ifndef TCPTOOL_SERVER_SECURITY_AUTH_H_
#define TCPTOOL_SERVER_SECURITY_AUTH_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/support/string_ref.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

  // Who calls. UNAUTHENTICATED: neither a token nor a certificate says who it
  // is. A token goes before a certificate. Never waits.
  absl::StatusOr<Caller> Identify(const Metadata& metadata,
                                  const grpc::AuthContext& context) const;

  // For a call that goes on: UNAUTHENTICATED if the token that the caller came
  // with was taken away since, PERMISSION_DENIED if it has not the role now.
  absl::Status Recheck(const Caller& caller, Role required) const;

  // Reads the tokens again if their file has changed, which may wait for a
  // disk. True: they are others now.
  bool Refresh();

 private:
  Auth() = default;

  // Whether anybody is asked who they are.
  bool enabled() const { return tokens_ != nullptr || !cert_roles_.empty(); }
  Caller OfCertificate(const grpc::AuthContext& context) const;

  std::unique_ptr<TokenFile> tokens_;  // None: tokens mean nothing.
  // By "cn:NAME", "dns:NAME" or "uri:NAME"; "*": any other.
  std::map<std::string, Role> cert_roles_;
};

// PERMISSION_DENIED, with what to do: `caller` has not the role that `method`
// requires.
absl::Status CheckRole(absl::string_view method, Role required,
                       const Caller& caller);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_AUTH_H_
