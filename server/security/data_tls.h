// TLS of content, on the data ports of sessions.
#ifndef TCPTOOL_SERVER_SECURITY_DATA_TLS_H_
#define TCPTOOL_SERVER_SECURITY_DATA_TLS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/security/tls.h"

namespace tcptool::server {

struct DataTlsOptions {
  std::string cert;       // PEM, the chain; empty: no session is encrypted.
  std::string key;        // PEM.
  std::string client_ca;  // PEM; empty: recipients need no certificates.
  // The kernel encrypts, if it can; see dataplane::NewServerContext().
  bool in_kernel = false;
};

// With a `cert`. Errors: as TlsContext::Load(). A certificate that has expired,
// or is not valid yet, is used; each time that it is read, the log warns of it.
absl::StatusOr<std::unique_ptr<TlsContext>> LoadDataTls(
    const DataTlsOptions& options);

// Whether the kernel encrypts: it is asked to, and can.
bool UsesKernelTls(const DataTlsOptions& options);

// Until when the certificate that new connections get is valid.
absl::Time CertificateExpiry(const TlsContext& tls);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_DATA_TLS_H_
