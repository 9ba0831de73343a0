#include "dataplane/tls/validity.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

// "Nov 28 18:20:00 2026 GMT"
std::string TextOf(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, int (*)(BIO*)> text(BIO_new(BIO_s_mem()),
                                                 &BIO_free);
  char* data = nullptr;
  if (text == nullptr || ASN1_TIME_print(text.get(), time) != 1) return "?";
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

absl::Status CheckIsValidNow(const SSL_CTX& context, absl::string_view name) {
  const X509* const certificate = SSL_CTX_get0_certificate(&context);
  if (certificate == nullptr) return absl::OkStatus();
  const auto is_not_valid = [&](absl::string_view what, const ASN1_TIME* time) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " ", what, " ", TextOf(time),
                     "; renew it, or set this host's clock"));
  };
  const ASN1_TIME* const begin = X509_get0_notBefore(certificate);
  const ASN1_TIME* const end = X509_get0_notAfter(certificate);
  if (X509_cmp_current_time(end) < 0) {
    return is_not_valid("has expired on", end);
  }
  if (X509_cmp_current_time(begin) > 0) {
    return is_not_valid("is not valid until", begin);
  }
  return absl::OkStatus();
}

}  // namespace tcptool::dataplane
