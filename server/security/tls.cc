#include "server/security/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

// Those that HTTP/2 allows with TLS 1.2 (RFC 9113, section 9.2.2). With TLS
// 1.3, OpenSSL's own are.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr unsigned char kProtocols[] = {2, 'h', '2'};
constexpr unsigned char kSessionContext[] = {'t', 'c', 'p', 't', 'o', 'o', 'l'};

template <typename Object, auto kFree>
struct Free {
  void operator()(Object* object) const { kFree(object); }
};
using Bio = std::unique_ptr<BIO, Free<BIO, BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using File = std::unique_ptr<std::FILE, Free<std::FILE, std::fclose>>;

absl::Status Wrong(absl::string_view flag, absl::string_view path,
                   absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(flag, " ", path, ": ", what));
}

absl::StatusOr<std::string> ReadFile(absl::string_view flag,
                                     const std::string& path) {
  const auto cannot_be_read = [&](int error) {
    return Wrong(flag, path,
                 absl::StrCat("cannot be read: ", std::strerror(error)));
  };
  const File file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return cannot_be_read(errno);
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return cannot_be_read(errno);
  if (text.size() > kMaxFileBytes) {
    return Wrong(flag, path, "is larger than 1 MiB");
  }
  return text;
}

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// All in the file; none: it has no certificate.
std::vector<Certificate> ReadCertificates(const std::string& text) {
  const Bio reader = Reader(text);
  std::vector<Certificate> all;
  while (X509* const one =
             PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    all.emplace_back(one);
  }
  ERR_clear_error();  // Of the file's end.
  return all;
}

int ChooseHttp2(SSL*, const unsigned char** out, unsigned char* out_size,
                const unsigned char* in, unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kProtocols, sizeof(kProtocols),
                            in, in_size) != OPENSSL_NPN_NEGOTIATED) {
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
    const SecurityOptions& options) {
  auto tls = absl::WrapUnique(new TlsContext(options));
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
  absl::StatusOr<std::string> certificate =
      ReadFile("--tls-cert", options_.tls_cert);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadFile("--tls-key", options_.tls_key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> client_ca;
  if (!options_.tls_client_ca.empty()) {
    client_ca = ReadFile("--tls-client-ca", options_.tls_client_ca);
    if (!client_ca.ok()) return client_ca.status();
  } else {
    client_ca.emplace();
  }
  return Files{.certificate = *std::move(certificate),
               .key = *std::move(key),
               .client_ca = *std::move(client_ca)};
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> TlsContext::NewContext(
    const Files& files) const {
  const std::vector<Certificate> chain = ReadCertificates(files.certificate);
  if (chain.empty()) {
    return Wrong("--tls-cert", options_.tls_cert, "has no certificate in PEM");
  }
  // Keys with a passphrase are invalid; nobody is prompted for one.
  char no_passphrase[] = "";
  const Key key(PEM_read_bio_PrivateKey(Reader(files.key).get(), nullptr,
                                        nullptr, no_passphrase));
  if (key == nullptr) {
    return Wrong("--tls-key", options_.tls_key,
                 "has no private key in PEM without a passphrase");
  }
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return Wrong("--tls-key", options_.tls_key,
                 absl::StrCat("is not the key of the certificate in ",
                              options_.tls_cert));
  }
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
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseHttp2, nullptr);
  bool taken = SSL_CTX_use_certificate(context.get(), chain.front().get()) == 1;
  for (size_t i = 1; i < chain.size(); ++i) {
    taken =
        taken && SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) == 1;
  }
  if (!taken) {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    return Wrong("--tls-cert", options_.tls_cert,
                 reason == nullptr ? "cannot be used" : reason);
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return Wrong("--tls-key", options_.tls_key, "cannot be used");
  }
  if (!options_.tls_client_ca.empty()) {
    const std::vector<Certificate> authorities =
        ReadCertificates(files.client_ca);
    if (authorities.empty()) {
      return Wrong("--tls-client-ca", options_.tls_client_ca,
                   "has no certificate in PEM");
    }
    TrustClientsOf(authorities, options_.RequiresClientCertificate(),
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
