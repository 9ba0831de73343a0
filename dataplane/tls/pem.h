// Certificates and keys in PEM.
#ifndef TCPTOOL_DATAPLANE_TLS_PEM_H_
#define TCPTOOL_DATAPLANE_TLS_PEM_H_

#include <openssl/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tcptool::dataplane {

// A text in PEM.
struct PemText {
  std::string name;  // What errors call it: "--data-tls-cert /etc/cert.pem".
  std::string text;  // Empty: there is none.
};

struct TlsIdentity {
  PemText certificate;  // Behind it those that vouch for it, if any.
  PemText key;          // Its private key, without a passphrase.
};

// INVALID_ARGUMENT of all: "NAME: " and what is wrong with that text or file.
// They forget OpenSSL's errors.

// What a file has, up to 1 MiB. May block on a disk. It cannot be read, is
// empty, or is larger.
absl::StatusOr<PemText> ReadPem(std::string name, const std::string& path);

// There is at least one certificate, and none is broken.
absl::Status CheckCertificates(const PemText& text);
// There are a certificate and a key, which is that of the certificate and has
// no passphrase.
absl::Status CheckIdentity(const TlsIdentity& identity);

// Has connections of `context` show the identity.
absl::Status UseIdentity(const TlsIdentity& identity, SSL_CTX* context);
// Has them believe whom one of the authorities has signed, and ask clients for
// such a certificate if they ask.
absl::Status TrustAuthorities(const PemText& authorities, SSL_CTX* context);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_PEM_H_
