#include "server/security/data_tls.h"

#include <openssl/asn1.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/tls/kernel_tls.h"
#include "dataplane/tls/tls_context.h"
#include "server/security/pem_files.h"

namespace tcptool::server {
namespace {

dataplane::PemText Named(const CredentialFile& file, const std::string& text) {
  return {.name = absl::StrCat(file.flag, " ", file.path), .text = text};
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> LoadDataTls(
    const DataTlsOptions& options) {
  TlsContext::Files files;
  files.identity = {
      .certificate = {.flag = "--data-tls-cert", .path = options.cert},
      .key = {.flag = "--data-tls-key", .path = options.key}};
  if (!options.client_ca.empty()) {
    files.client_ca = {.flag = "--data-tls-client-ca",
                       .path = options.client_ca};
  }
  return TlsContext::Load(
      std::move(files),
      [in_kernel = options.in_kernel](const TlsContext::Files& read_from,
                                      const TlsContext::Texts& texts) {
        dataplane::PemText client_ca;
        if (read_from.client_ca) {
          client_ca = Named(*read_from.client_ca, texts.client_ca);
        }
        return dataplane::NewServerContext(
            {.certificate = Named(read_from.identity.certificate,
                                  texts.identity.certificate),
             .key = Named(read_from.identity.key, texts.identity.key)},
            client_ca, in_kernel);
      });
}

bool UsesKernelTls(const DataTlsOptions& options) {
  return options.in_kernel && dataplane::HasKernelTls();
}

absl::Time CertificateExpiry(const TlsContext& tls) {
  const std::shared_ptr<SSL_CTX> context = tls.Current();
  std::tm time = {};
  ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(context.get())),
                  &time);
  return absl::FromTM(time, absl::UTCTimeZone());
}

}  // namespace tcptool::server
