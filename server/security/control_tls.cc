#include "server/security/control_tls.h"

#include <openssl/ssl.h>

#include <utility>

#include "absl/strings/string_view.h"
#include "dataplane/tls/pem.h"
#include "server/security/pem_files.h"

namespace tcptool::server {
namespace {

// Those that HTTP/2 allows with TLS 1.2 (RFC 9113, section 9.2.2). With TLS
// 1.3, OpenSSL's own are.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
// Each with its length before it.
constexpr absl::string_view kHttp2 = "\x02h2";
constexpr absl::string_view kHttp1 = "\x08http/1.1";
constexpr unsigned char kSessionContext[] = {'t', 'c', 'p', 't', 'o', 'o', 'l'};

// `protocols`: a string_view.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* in, unsigned int in_size,
                   void* protocols) {
  const auto& ours = *static_cast<const absl::string_view*>(protocols);
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size,
                            reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned int>(ours.size()), in,
                            in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> NewContext(
    TlsProtocol protocol, bool requires_client_certificate,
    const TlsContext::Files& files, const TlsContext::Texts& texts) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()),
                                   &SSL_CTX_free);
  if (context == nullptr ||
      SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1) {
    return absl::InternalError(
        "this machine's OpenSSL has no TLS 1.2, or none of its ciphers");
  }
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                          SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A session that is resumed would go on with what was verified before.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_id_context(context.get(), kSessionContext,
                                 sizeof(kSessionContext));
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS |
                                      SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Of a chain that a client shows, in bytes; 100 KiB by default.
  SSL_CTX_set_max_cert_list(context.get(), 32 << 10);
  SSL_CTX_set_alpn_select_cb(
      context.get(), ChooseProtocol,
      const_cast<absl::string_view*>(
          protocol == TlsProtocol::kHttp2 ? &kHttp2 : &kHttp1));
  absl::Status status = dataplane::UseIdentity(
      IdentityOf(files.identity, texts.identity), context.get());
  if (!status.ok()) return status;
  if (files.client_ca) {
    status = dataplane::TrustAuthorities(
        PemOf(*files.client_ca, texts.client_ca), context.get());
    if (!status.ok()) return status;
    SSL_CTX_set_verify(
        context.get(),
        SSL_VERIFY_PEER |
            (requires_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        nullptr);
  }
  return context;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> LoadControlTls(
    const SecurityOptions& options, TlsProtocol protocol) {
  TlsContext::Files files;
  files.identity = IdentityFilesOf(options);
  if (!options.tls_client_ca.empty()) {
    files.client_ca = {.flag = "--tls-client-ca",
                       .path = options.tls_client_ca};
  }
  return TlsContext::Load(
      std::move(files),
      [protocol, required = options.RequiresClientCertificate()](
          const TlsContext::Files& read_from, const TlsContext::Texts& texts) {
        return NewContext(protocol, required, read_from, texts);
      });
}

}  // namespace tcptool::server
