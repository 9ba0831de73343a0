#include "dataplane/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "absl/status/status.h"

namespace tcptool::dataplane {
namespace {

// The best first. The client's order is not asked: one that has no instruction
// for AES prefers ChaCha20, but a service sends to many.
constexpr char kCiphers[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
    "TLS_CHACHA20_POLY1305_SHA256";

// Of a chain that a peer shows, in bytes; 100 KiB by default.
constexpr long kMaxCertificates = 32 << 10;

using Context = std::shared_ptr<SSL_CTX>;

absl::StatusOr<Context> NewContext(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method), &SSL_CTX_free);
  if (context == nullptr ||
      SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), kCiphers) != 1) {
    ERR_clear_error();
    return absl::InternalError(
        "this machine's OpenSSL has no TLS 1.3, or none of its ciphers");
  }
  SSL_CTX_set_options(context.get(),
                      SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
  // A session that is resumed would go on with what was verified before, and
  // tickets would be bytes behind the handshake that no content accounts for.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  // Of thousands of recipients that wait none has a buffer.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context.get(), kMaxCertificates);
  return context;
}

}  // namespace

absl::StatusOr<Context> NewServerContext(const TlsIdentity& identity,
                                         const PemText& client_authorities,
                                         bool in_kernel) {
  absl::StatusOr<Context> context = NewContext(TLS_server_method());
  if (!context.ok()) return context;
  if (absl::Status used = UseIdentity(identity, context->get()); !used.ok()) {
    return used;
  }
  if (in_kernel) SSL_CTX_set_options(context->get(), SSL_OP_ENABLE_KTLS);
  if (client_authorities.text.empty()) return context;
  absl::Status trusted = TrustAuthorities(client_authorities, context->get());
  if (!trusted.ok()) return trusted;
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

absl::StatusOr<Context> NewClientContext(const PemText& authorities,
                                         const TlsIdentity& identity) {
  absl::StatusOr<Context> context = NewContext(TLS_client_method());
  if (!context.ok()) return context;
  if (!identity.certificate.text.empty()) {
    if (absl::Status used = UseIdentity(identity, context->get()); !used.ok()) {
      return used;
    }
  }
  if (!authorities.text.empty()) {
    absl::Status trusted = TrustAuthorities(authorities, context->get());
    if (!trusted.ok()) return trusted;
  } else if (SSL_CTX_set_default_verify_paths(context->get()) != 1) {
    ERR_clear_error();
    return absl::InternalError(
        "the system's authorities for certificates cannot be used");
  }
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

}  // namespace tcptool::dataplane
