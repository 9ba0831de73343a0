#include "server/security/data_tls.h"

#include <openssl/asn1.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>

#include "dataplane/tls/kernel_tls.h"
#include "dataplane/tls/tls_context.h"
#include "dataplane/tls/validity.h"
#include "server/base/log.h"
#include "server/security/pem_files.h"

namespace tcptool::server {
namespace {

void WarnUnlessValid(const SSL_CTX& context, const std::string& name) {
  const absl::Status valid = dataplane::CheckIsValidNow(context, name);
  if (valid.ok()) return;
  LogWarning("data_certificate_not_valid", {{"error", valid.message()}});
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
          client_ca = PemOf(*read_from.client_ca, texts.client_ca);
        }
        const dataplane::TlsIdentity identity =
            IdentityOf(read_from.identity, texts.identity);
        auto context =
            dataplane::NewServerContext(identity, client_ca, in_kernel);
        if (context.ok()) {
          WarnUnlessValid(**context, identity.certificate.name);
        }
        return context;
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
