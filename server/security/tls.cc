#include "server/security/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
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

CredentialFile ClientCaFile(const SecurityOptions& options) {
  return {.flag = "--tls-client-ca", .path = options.tls_client_ca};
}

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

void TrustClientsOf(const std::vector<Certificate>& authorities, bool required,
                    SSL_CTX* context) {
  for (const Certificate& authority : authorities) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
    SSL_CTX_add_client_CA(context, authority.get());
  }
  SSL_CTX_set_verify(
      context,
      SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Load(
    const SecurityOptions& options, TlsProtocol protocol) {
  auto tls = absl::WrapUnique(new TlsContext(options, protocol));
  absl::StatusOr<Files> files = tls->Read();
  if (!files.ok()) return files.status();
  absl::StatusOr<std::shared_ptr<SSL_CTX>> context = tls->NewContext(*files);
  if (!context.ok()) return context.status();
  tls->files_ = *std::move(files);
  absl::MutexLock lock(&tls->mutex_);
  tls->current_ = *std::move(context);
  return tls;
}

std::shared_ptr<SSL_CTX> TlsContext::Current() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

absl::StatusOr<TlsContext::Files> TlsContext::Read() const {
  absl::StatusOr<IdentityText> identity =
      ReadIdentity(IdentityFilesOf(options_));
  if (!identity.ok()) return identity.status();
  absl::StatusOr<std::string> client_ca;
  if (!options_.tls_client_ca.empty()) {
    client_ca = ReadCredentialFile(ClientCaFile(options_));
    if (!client_ca.ok()) return client_ca.status();
  } else {
    client_ca.emplace();
  }
  return Files{.identity = *std::move(identity),
               .client_ca = *std::move(client_ca)};
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> TlsContext::NewContext(
    const Files& files) const {
  const absl::StatusOr<Identity> identity =
      ParseIdentity(IdentityFilesOf(options_), files.identity);
  if (!identity.ok()) return identity.status();
  const std::vector<Certificate>& chain = identity->chain;
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
          protocol_ == TlsProtocol::kHttp2 ? &kHttp2 : &kHttp1));
  bool taken = SSL_CTX_use_certificate(context.get(), chain.front().get()) == 1;
  for (size_t i = 1; i < chain.size(); ++i) {
    taken =
        taken && SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) == 1;
  }
  if (!taken) {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    return WrongFile(IdentityFilesOf(options_).certificate,
                     reason == nullptr ? "cannot be used" : reason);
  }
  if (SSL_CTX_use_PrivateKey(context.get(), identity->key.get()) != 1) {
    return WrongFile(IdentityFilesOf(options_).key, "cannot be used");
  }
  if (!options_.tls_client_ca.empty()) {
    const auto authorities =
        ParseCertificates(ClientCaFile(options_), files.client_ca);
    if (!authorities.ok()) return authorities.status();
    TrustClientsOf(*authorities, options_.RequiresClientCertificate(),
                   context.get());
  }
  return context;
}

void TlsContext::ReloadIfChanged() {
  absl::StatusOr<Files> files = Read();
  absl::Status status = files.status();
  if (status.ok()) {
    if (*files == files_) {
      failure_ = absl::OkStatus();
      return;
    }
    absl::StatusOr<std::shared_ptr<SSL_CTX>> context = NewContext(*files);
    status = context.status();
    if (status.ok()) {
      files_ = *std::move(files);
      absl::MutexLock lock(&mutex_);
      current_ = *std::move(context);
    }
  }
  if (status.ok()) {
    LogInfo("tls_reloaded", {{"file", options_.tls_cert}});
  } else if (status != failure_) {
    LogError("tls_not_reloaded", {{"error", status.message()}});
  }
  failure_ = std::move(status);
}

}  // namespace tcptool::server
