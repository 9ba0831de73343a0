// Files that have certificates, keys or tokens.
#ifndef TCPTOOL_SERVER_SECURITY_PEM_FILES_H_
#define TCPTOOL_SERVER_SECURITY_PEM_FILES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/security/security_options.h"

namespace tcptool::server {

template <typename Object, auto kFree>
struct FreeWith {
  void operator()(Object* object) const { kFree(object); }
};
using Certificate = std::unique_ptr<X509, FreeWith<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY, EVP_PKEY_free>>;

// A file, and the option that names it.
struct CredentialFile {
  absl::string_view flag;  // Of a literal.
  std::string path;
};

// INVALID_ARGUMENT: "--tls-cert /etc/cert: `what`". Forgets OpenSSL's errors.
absl::Status WrongFile(const CredentialFile& file, absl::string_view what);

// What the file has, up to 1 MiB. May block on a disk. INVALID_ARGUMENT: it
// cannot be read, or is larger.
absl::StatusOr<std::string> ReadCredentialFile(const CredentialFile& file);

// Those of a text in PEM, at least one. INVALID_ARGUMENT: there is none.
absl::StatusOr<std::vector<Certificate>> ParseCertificates(
    const CredentialFile& file, const std::string& text);

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

// A certificate with those that vouch for it, and its private key.
struct Identity {
  std::vector<Certificate> chain;  // Its own first.
  Key key;
};

// As ReadCredentialFile().
absl::StatusOr<IdentityText> ReadIdentity(const IdentityFiles& files);

// INVALID_ARGUMENT: one of the texts is not what it should be, the key has a
// passphrase, or it is not that of the certificate.
absl::StatusOr<Identity> ParseIdentity(const IdentityFiles& files,
                                       const IdentityText& text);

// --tls-cert and --tls-key.
IdentityFiles IdentityFilesOf(const SecurityOptions& options);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_PEM_FILES_H_
