#include "dataplane/tls/tls_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

// The reasons above this are the alerts that the peer has sent.
constexpr int kAlerts = SSL_AD_REASON_OFFSET;

}  // namespace

std::string TakeTlsError(const SSL* ssl) {
  const unsigned long last = ERR_peek_last_error();
  ERR_clear_error();
  const int reason = ERR_GET_REASON(last);
  const char* const known = ERR_reason_error_string(last);
  const char* const text = known == nullptr ? "unknown error" : known;
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return absl::StrCat(
          "the peer's certificate is not accepted: ",
          X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "the peer has shown no certificate, and has to show one";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "the peer does not speak TLS 1.3";
    default:
      break;
  }
  if (reason > kAlerts) {
    return absl::StrCat("the peer has ended TLS with an alert: ", text);
  }
  return absl::StrCat("TLS failed: ", text);
}

}  // namespace tcptool::dataplane
