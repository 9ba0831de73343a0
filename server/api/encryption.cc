#include "server/api/encryption.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/api/errors.h"

namespace tcptool::server {
namespace {

constexpr int kMaxNames = 10'000;
constexpr size_t kMaxNameBytes = 255;

// Paths in the request.
constexpr char kEncryption[] = "session.spec.encryption";
constexpr char kClientNames[] = "session.spec.encryption.client_names";
constexpr char kExpected[] = "session.spec.expected";

void CheckClientNames(const v1::Encryption& encryption, SpecChecker& check) {
  constexpr absl::string_view kField = "encryption.client_names";
  if (encryption.client_names_size() > kMaxNames) {
    return check.Wrong(kField, absl::StrCat("there are more than ", kMaxNames));
  }
  for (int i = 0; i < encryption.client_names_size(); ++i) {
    const std::string why = WhyNoCertificateName(encryption.client_names(i));
    if (!why.empty()) check.Wrong(absl::StrCat(kField, "[", i, "]"), why);
  }
}

// Why it is not to be expected by its identity. `names`: those that may
// connect; empty: all.
std::string WhyNotExpected(
    const v1::SessionSpec& spec, const v1::ExpectedRecipient& recipient,
    const absl::flat_hash_set<absl::string_view>& names) {
  const std::string& identity = recipient.identity();
  if (!recipient.address().empty()) {
    return "there is an address too; give one of them";
  }
  if (!spec.has_encryption()) {
    return "recipients of this session show no certificates; set encryption, "
           "or give an address";
  }
  std::string why = WhyNoCertificateName(identity);
  if (!why.empty()) return why;
  if (names.empty() || names.contains(identity)) return "";
  return absl::StrCat("encryption.client_names has no ", identity);
}

absl::Status NoClientCa(absl::string_view subject) {
  return FailedPrecondition(
      v1::ERROR_REASON_NO_DATA_CLIENT_CA, subject,
      absl::StrCat(subject,
                   ": this node asks recipients for no certificates, as it has "
                   "no --data-tls-client-ca; name them by their addresses"));
}

}  // namespace

std::string WhyNoCertificateName(absl::string_view name) {
  for (const absl::string_view kind : {"cn:", "dns:", "uri:"}) {
    if (!absl::StartsWith(name, kind) || name == kind) continue;
    if (name.size() <= kMaxNameBytes) return "";
    return absl::StrCat("it is longer than ", kMaxNameBytes, " bytes");
  }
  return absl::StrCat("\"", name,
                      "\" is no name of a certificate; write it as cn:NAME, "
                      "dns:NAME or uri:NAME");
}

void CheckEncryption(const v1::SessionSpec& spec, SpecChecker& check) {
  CheckClientNames(spec.encryption(), check);
  const absl::flat_hash_set<absl::string_view> names(
      spec.encryption().client_names().begin(),
      spec.encryption().client_names().end());
  for (int i = 0; i < spec.expected_size(); ++i) {
    const v1::ExpectedRecipient& recipient = spec.expected(i);
    if (recipient.identity().empty()) continue;
    const std::string why = WhyNotExpected(spec, recipient, names);
    if (why.empty()) continue;
    check.Wrong(absl::StrCat("expected[", i, "].identity"), why);
  }
}

absl::StatusOr<std::shared_ptr<const dataplane::SessionTls>> ToTls(
    const DataTlsRules& rules, const v1::SessionSpec& spec) {
  if (!spec.has_encryption()) return nullptr;
  if (rules.context == nullptr) {
    return FailedPrecondition(
        v1::ERROR_REASON_NO_DATA_CERTIFICATE, kEncryption,
        absl::StrCat(kEncryption,
                     ": this node has no certificate for content, as it has no "
                     "--data-tls-cert; leave out the encryption, or choose "
                     "another node"));
  }
  const auto& names = spec.encryption().client_names();
  if (!rules.client_certificates) {
    if (!names.empty()) return NoClientCa(kClientNames);
    if (std::ranges::any_of(spec.expected(), [](const auto& recipient) {
          return !recipient.identity().empty();
        })) {
      return NoClientCa(kExpected);
    }
  }
  return std::make_shared<const dataplane::SessionTls>(
      dataplane::SessionTls{.context = rules.context,
                            .requires_certificate = rules.client_certificates,
                            .names = {names.begin(), names.end()}});
}

}  // namespace tcptool::server
