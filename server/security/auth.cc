#include "server/security/auth.h"

#include <grpc/grpc_security_constants.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/api/grpc_status.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kBearer = "Bearer ";
constexpr absl::string_view kWhatToSend =
    "send \"authorization: Bearer TOKEN\", or connect with a client "
    "certificate";

absl::string_view View(grpc::string_ref text) {
  return {text.data(), text.size()};
}

absl::string_view Value(const grpc::AuthMetadataProcessor::InputMetadata& all,
                        const char* key) {
  const auto found = all.find(key);
  return found == all.end() ? absl::string_view() : View(found->second);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Auth>> Auth::Create(
    const SecurityOptions& options) {
  std::shared_ptr<Auth> auth(new Auth());
  if (!options.token_file.empty()) {
    auto tokens = TokenFile::Open(options.token_file);
    if (!tokens.ok()) return tokens.status();
    auth->tokens_ = *std::move(tokens);
  }
  for (const std::string& rule : options.cert_roles) {
    // A name may have "=" in it; a role has none.
    const size_t end = rule.rfind('=');
    const std::optional<Role> role = end == std::string::npos
                                         ? std::nullopt
                                         : ParseRole(rule.substr(end + 1));
    if (!role || end == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--cert-role \"", rule,
                       "\": write it as NAME=viewer or NAME=operator"));
    }
    auth->cert_roles_[rule.substr(0, end)] = *role;
  }
  return auth;
}

absl::StatusOr<Caller> Auth::Identify(const InputMetadata& metadata,
                                      const grpc::AuthContext& context) const {
  if (!enabled()) return Caller{.name = "anonymous", .role = Role::kOperator};
  const absl::string_view authorization = Value(metadata, "authorization");
  if (tokens_ != nullptr && !authorization.empty()) {
    if (!absl::StartsWithIgnoreCase(authorization, kBearer)) {
      return absl::UnauthenticatedError(
          absl::StrCat("the authorization is no bearer token; ", kWhatToSend));
    }
    std::optional<Caller> caller =
        tokens_->Find(authorization.substr(kBearer.size()));
    if (caller) return *std::move(caller);
    return absl::UnauthenticatedError(
        "the token is unknown; ask who runs this service for one");
  }
  if (context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME).empty()) {
    return absl::UnauthenticatedError(
        absl::StrCat("this service wants to know who calls; ", kWhatToSend));
  }
  return OfCertificate(context);
}

Caller Auth::OfCertificate(const grpc::AuthContext& context) const {
  std::vector<grpc::string_ref> names =
      context.FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  for (const grpc::string_ref& name :
       context.FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME)) {
    names.push_back(name);
  }
  names.push_back("*");
  const auto named = [](grpc::string_ref name) {
    return absl::StrCat("certificate:", View(name));
  };
  for (const grpc::string_ref& name : names) {
    const auto found = cert_roles_.find(std::string(View(name)));
    if (found == cert_roles_.end()) continue;
    // Whom "*" lets in has a name nevertheless.
    return {.name = named(name == "*" ? names.front() : name),
            .role = found->second};
  }
  return {.name = named(names.front()), .role = Role::kNone};
}

absl::Status Auth::Check(absl::string_view method,
                         const InputMetadata& metadata,
                         const grpc::AuthContext& context,
                         std::string& who) const {
  const Role required = RequiredRole(method);
  if (required == Role::kNone) return absl::OkStatus();
  const absl::StatusOr<Caller> caller = Identify(metadata, context);
  if (!caller.ok()) return caller.status();
  who = caller->name;
  if (caller->role >= required) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      method, " needs the role ", RoleName(required), "; ", caller->name,
      " has ", RoleName(caller->role),
      ". Who runs this service gives roles, by --token-file or --cert-role"));
}

grpc::Status Auth::Process(const InputMetadata& metadata,
                           grpc::AuthContext* context, OutputMetadata*,
                           OutputMetadata*) {
  const absl::string_view method = Value(metadata, ":path");
  std::string who = "unknown";
  const absl::Status status = Check(method, metadata, *context, who);
  if (!status.ok()) {
    LogWarning("call_refused",
               {{"who", who},
                {"method", method},
                {"outcome", absl::StatusCodeToString(status.code())}});
  }
  return ToGrpc(status);
}

}  // namespace tcptool::server
