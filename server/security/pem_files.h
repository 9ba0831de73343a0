// Files that have certificates, keys or tokens.
#ifndef TCPTOOL_SERVER_SECURITY_PEM_FILES_H_
#define TCPTOOL_SERVER_SECURITY_PEM_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/tls/pem.h"
#include "server/security/security_options.h"

namespace tcptool::server {

// A file, and the option that names it.
struct CredentialFile {
  absl::string_view flag;  // Of a literal.
  std::string path;
};

// As errors call it: "--tls-cert /etc/cert".
dataplane::PemText PemOf(const CredentialFile& file, std::string text);

// INVALID_ARGUMENT: "--tls-cert /etc/cert: `what`".
absl::Status WrongFile(const CredentialFile& file, absl::string_view what);

// What the file has, up to 1 MiB. May block on a disk. INVALID_ARGUMENT: it
// cannot be read, is empty, or is larger.
absl::StatusOr<std::string> ReadCredentialFile(const CredentialFile& file);

// The same of a file with certificates in PEM. INVALID_ARGUMENT too: it has
// none.
absl::StatusOr<std::string> ReadCertificates(const CredentialFile& file);

// Of a certificate and its key, as --tls-cert and --tls-key.
struct IdentityFiles {
  CredentialFile certificate;
  CredentialFile key;
};

// What they have, in PEM.
struct IdentityText {
  std::string certificate;
  std::string key;
  bool operator==(const IdentityText&) const = default;
};

dataplane::TlsIdentity IdentityOf(const IdentityFiles& files,
                                  const IdentityText& text);

// As ReadCredentialFile(). INVALID_ARGUMENT too: one of the files is not what
// it should be, the key has a passphrase, or it is not that of the certificate.
absl::StatusOr<IdentityText> ReadIdentity(const IdentityFiles& files);

// --tls-cert and --tls-key.
IdentityFiles IdentityFilesOf(const SecurityOptions& options);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_PEM_FILES_H_
