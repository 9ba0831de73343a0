// What a session's spec says of TLS, and of certificates.
#ifndef TCPTOOL_SERVER_API_ENCRYPTION_H_
#define TCPTOOL_SERVER_API_ENCRYPTION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/tls/session_tls.h"
#include "server/api/spec_checker.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// What this node has for content in TLS.
struct DataTlsRules {
  // The context for a new connection, as SessionTls::context. Null: the node
  // has no certificate for content.
  decltype(dataplane::SessionTls::context) context;
  // Whether recipients need a certificate.
  bool client_certificates = false;
};

// Why `name` is none of a certificate, as Encryption.client_names has them.
// Empty: it is one.
std::string WhyNoCertificateName(absl::string_view name);

// Checks `encryption`, and `identity` of those that are expected.
void CheckEncryption(const v1::SessionSpec& spec, SpecChecker& check);

// Of a spec that was checked. Null: content goes in clear text.
// FAILED_PRECONDITION: the node has not what the spec needs.
absl::StatusOr<std::shared_ptr<const dataplane::SessionTls>> ToTls(
    const DataTlsRules& rules, const v1::SessionSpec& spec);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_ENCRYPTION_H_
