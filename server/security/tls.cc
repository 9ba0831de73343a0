#include "server/security/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

// How often gRPC checks the files for changes.
constexpr unsigned int kRefreshSeconds = 1;

template <typename Object, auto kFree>
struct Free {
  void operator()(Object* object) const { kFree(object); }
};
using Bio = std::unique_ptr<BIO, Free<BIO, BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;

absl::Status Wrong(absl::string_view flag, const std::string& path,
                   absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(flag, " ", path, ": ", what));
}

absl::StatusOr<Certificate> ReadCertificate(absl::string_view flag,
                                            const std::string& path) {
  const Bio file(BIO_new_file(path.c_str(), "r"));
  if (file == nullptr) return Wrong(flag, path, "cannot be read");
  Certificate certificate(
      PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr)
    return Wrong(flag, path, "has no certificate in PEM");
  return certificate;
}

}  // namespace

absl::Status CheckTlsFiles(const SecurityOptions& options) {
  const absl::StatusOr<Certificate> certificate =
      ReadCertificate("--tls-cert", options.tls_cert);
  if (!certificate.ok()) return certificate.status();
  const Bio file(BIO_new_file(options.tls_key.c_str(), "r"));
  if (file == nullptr)
    return Wrong("--tls-key", options.tls_key, "cannot be read");
  // Keys with a passphrase are invalid; nobody is prompted for one.
  char no_passphrase[] = "";
  const Key key(
      PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, no_passphrase));
  if (key == nullptr) {
    return Wrong("--tls-key", options.tls_key,
                 "has no private key in PEM without a passphrase");
  }
  if (X509_check_private_key(certificate->get(), key.get()) != 1) {
    return Wrong("--tls-key", options.tls_key,
                 absl::StrCat("is not the key of the certificate in ",
                              options.tls_cert));
  }
  if (options.tls_client_ca.empty()) return absl::OkStatus();
  return ReadCertificate("--tls-client-ca", options.tls_client_ca).status();
}

std::shared_ptr<grpc::ServerCredentials> NewTlsCredentials(
    const SecurityOptions& options) {
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          options.tls_key, options.tls_cert, options.tls_client_ca,
          kRefreshSeconds));
  tls.watch_identity_key_cert_pairs();
  if (!options.tls_client_ca.empty()) {
    tls.watch_root_certs();
    tls.set_cert_request_type(
        options.RequiresClientCertificate()
            ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
            : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace tcptool::server
