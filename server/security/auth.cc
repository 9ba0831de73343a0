#include "server/security/auth.h"

#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kBearer = "Bearer ";
constexpr absl::string_view kWhatToSend =
    "send \"authorization: Bearer TOKEN\", or connect with a client "
    "certificate";

// The kinds of names in a certificate. A rule names the kind: whoever may issue
// names of one kind need not be trusted with the others.
constexpr absl::string_view kNameKinds[] = {"cn:", "dns:", "uri:"};
constexpr absl::string_view kAnyName = "*";

bool IsCertificateName(absl::string_view name) {
  if (name == kAnyName) return true;
  for (const absl::string_view kind : kNameKinds) {
    if (absl::StartsWith(name, kind)) return name.size() > kind.size();
  }
  return false;
}

absl::string_view View(const grpc::string_ref& text) {
  return {text.data(), text.size()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Auth>> Auth::Create(
    const SecurityOptions& options) {
  auto auth = absl::WrapUnique(new Auth());
  if (!options.token_file.empty()) {
    auto tokens = TokenFile::Open(options.token_file);
    if (!tokens.ok()) return tokens.status();
    auth->tokens_ = *std::move(tokens);
  }
  for (const std::string& rule : options.cert_roles) {
    // A name may contain "="; a role does not.
    const size_t end = rule.rfind('=');
    const std::optional<Role> role = end == std::string::npos
                                         ? std::nullopt
                                         : ParseRole(rule.substr(end + 1));
    if (!role || !IsCertificateName(rule.substr(0, end))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--cert-role \"", rule,
          "\": write it as cn:NAME=ROLE, dns:NAME=ROLE, uri:NAME=ROLE or "
          "*=ROLE, for the certificate's common name, a DNS name or a URI of "
          "its alternative names, or any; ROLE is viewer, peer or operator"));
    }
    auth->cert_roles_[rule.substr(0, end)] = *role;
  }
  return auth;
}

absl::StatusOr<Caller> Auth::Identify(const Metadata& metadata,
                                      const Peer& peer) const {
  if (!enabled()) {
    return Caller{.name = std::string(Caller::kAnonymous),
                  .role = Role::kOperator};
  }
  const auto found = metadata.find("authorization");
  if (tokens_ != nullptr && found != metadata.end()) {
    const absl::string_view authorization = View(found->second);
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
  if (!peer.has_certificate) {
    return absl::UnauthenticatedError(
        absl::StrCat("this service wants to know who calls; ", kWhatToSend));
  }
  return OfCertificate(peer);
}

Caller Auth::OfCertificate(const Peer& peer) const {
  Caller caller;
  for (const std::string& name : peer.certificate_names) {
    const auto found = cert_roles_.find(name);
    // Of several names, the one with the highest role counts.
    if (found == cert_roles_.end() || found->second <= caller.role) continue;
    caller = {.name = absl::StrCat("certificate:", name),
              .role = found->second};
  }
  if (caller.role != Role::kNone) return caller;
  const auto any = cert_roles_.find(std::string(kAnyName));
  return {
      .name = absl::StrCat(
          "certificate:",
          peer.certificate_names.empty() ? "" : peer.certificate_names.front()),
      .role = any == cert_roles_.end() ? Role::kNone : any->second};
}

absl::Status Auth::Recheck(const Caller& caller, Role required) const {
  if (caller.token_hash.empty()) return absl::OkStatus();
  const std::optional<Caller> now = tokens_->FindHash(caller.token_hash);
  if (now) return CheckRole("this call", required, *now);
  return absl::UnauthenticatedError(
      absl::StrCat("the token of ", caller.name, " was taken away"));
}

absl::Status CheckRole(absl::string_view method, Role required,
                       const Caller& caller) {
  if (caller.role >= required) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      method, " needs the role ", RoleName(required), "; ", caller.name,
      " has ", RoleName(caller.role),
      ". Who runs this service gives roles, by --token-file or --cert-role"));
}

void Auth::Refresh() {
  if (tokens_ != nullptr && tokens_->ReloadIfChanged()) ++version_;
}

}  // namespace tcptool::server
