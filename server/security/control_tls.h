// TLS on the control port, and on the HTTP address where that has the API.
#ifndef TCPTOOL_SERVER_SECURITY_CONTROL_TLS_H_
#define TCPTOOL_SERVER_SECURITY_CONTROL_TLS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/security/security_options.h"
#include "server/security/tls.h"

namespace tcptool::server {

// What is spoken within TLS: of protocols that clients ask for (ALPN), the one
// that they must ask for, or may.
enum class TlsProtocol {
  kHttp2,  // They must.
  kHttp1,  // Who asks for others asks for this one too.
};

// Clients may have certificates that --tls-client-ca has signed, or must:
// SecurityOptions::RequiresClientCertificate(). Errors: as TlsContext::Load().
absl::StatusOr<std::unique_ptr<TlsContext>> LoadControlTls(
    const SecurityOptions& options, TlsProtocol protocol = TlsProtocol::kHttp2);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_CONTROL_TLS_H_
