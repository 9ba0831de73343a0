// Certificates for a test, made in this process.
#ifndef TCPTOOL_TESTS_SERVER_CERTIFICATES_H_
#define TCPTOOL_TESTS_SERVER_CERTIFICATES_H_

#include <openssl/types.h>

#include <memory>
#include <string>

namespace tcptool::server {

using CertificatePtr = std::shared_ptr<X509>;
using KeyPtr = std::shared_ptr<EVP_PKEY>;

struct Issued {
  CertificatePtr certificate;
  KeyPtr key;
};

std::string ToPem(const CertificatePtr& certificate);
// With a passphrase if there is one.
std::string ToPem(const KeyPtr& key, const std::string& passphrase = "");

// Signs certificates.
class TestAuthority {
 public:
  struct Request {
    std::string name;          // The common name; empty: there is none.
    std::string alternatives;  // As openssl has subjectAltName; or empty.
    std::string purpose;       // As it has extendedKeyUsage; empty: any.
    bool may_sign = false;
    long days = 1;  // Negative: it has expired.
  };

  explicit TestAuthority(const std::string& name);
  // Signed by `above`.
  TestAuthority(const std::string& name, const TestAuthority& above);

  const CertificatePtr& certificate() const { return own_.certificate; }
  Issued Issue(const Request& request) const;

 private:
  static Issued Sign(const Request& request, const Issued* signer);

  Issued own_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_CERTIFICATES_H_
