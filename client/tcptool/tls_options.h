// --tls and the options beside it.
#ifndef TCPTOOL_CLIENT_TCPTOOL_TLS_OPTIONS_H_
#define TCPTOOL_CLIENT_TCPTOOL_TLS_OPTIONS_H_

#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tcptool::client {

// Paths of files in PEM, and a name; empty: the option was not given.
struct TlsOptions {
  bool tls = false;         // Recipient: speak TLS.
  std::string certificate;  // One's own. A sender that has one speaks TLS.
  std::string key;          // Of the certificate.
  std::string client_ca;    // Sender: who signs its recipients' certificates.
  std::string ca;    // Recipient: who signs the sender's; empty: the system's.
  std::string name;  // Recipient: the sender's; empty: the host it connects to.
};

// INVALID_ARGUMENT: they do not go together, in a sentence that names the
// option and says what to do.
absl::Status CheckSenderTls(const TlsOptions& options);
absl::Status CheckRecipientTls(const TlsOptions& options);

// What connections are made of; reads the files. INVALID_ARGUMENT names the
// option and the file, and says what is wrong with it.
absl::StatusOr<std::shared_ptr<SSL_CTX>> NewSenderContext(
    const TlsOptions& options);
absl::StatusOr<std::shared_ptr<SSL_CTX>> NewRecipientContext(
    const TlsOptions& options);

// FAILED_PRECONDITION: one's own certificate has expired, or is not valid yet,
// by this host's clock. The other end may refuse it.
absl::Status CheckIsValidNow(const TlsOptions& options, const SSL_CTX& context);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_TLS_OPTIONS_H_
