// Decides who may make a call.
#ifndef TCPTOOL_SERVER_SECURITY_AUTH_H_
#define TCPTOOL_SERVER_SECURITY_AUTH_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/auth_metadata_processor.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/security/role.h"
#include "server/security/security_options.h"
#include "server/security/token_file.h"

namespace tcptool::server {

// gRPC asks it about every call, before it looks for who serves the method: no
// service can forget to. Any thread may call any method.
class Auth : public grpc::AuthMetadataProcessor {
 public:
  // INVALID_ARGUMENT as TokenFile::Open(), and for roles that are none.
  static absl::StatusOr<std::shared_ptr<Auth>> Create(
      const SecurityOptions& options);

  // Whether anybody is asked who they are.
  bool enabled() const { return tokens_ != nullptr || !cert_roles_.empty(); }

  // UNAUTHENTICATED: neither a token nor a certificate says who it is. A token
  // goes before a certificate.
  absl::StatusOr<Caller> Identify(const InputMetadata& metadata,
                                  const grpc::AuthContext& context) const;

  // Tokens may be read again from the disk.
  bool IsBlocking() const override { return true; }
  grpc::Status Process(const InputMetadata& metadata,
                       grpc::AuthContext* context, OutputMetadata* consumed,
                       OutputMetadata* response) override;

 private:
  Auth() = default;

  absl::Status Check(absl::string_view method, const InputMetadata& metadata,
                     const grpc::AuthContext& context, std::string& who) const;
  Caller OfCertificate(const grpc::AuthContext& context) const;

  std::unique_ptr<TokenFile> tokens_;       // None: tokens mean nothing.
  std::map<std::string, Role> cert_roles_;  // By name; "*": any other.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_AUTH_H_
