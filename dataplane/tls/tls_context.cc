#include "dataplane/tls/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tcptool::dataplane {
namespace {

// The best first. The client's order is not asked: one that has no instruction
// for AES prefers ChaCha20, but a service sends to many.
constexpr char kCiphers[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
    "TLS_CHACHA20_POLY1305_SHA256";

// Of a chain that a peer shows, in bytes; 100 KiB by default.
constexpr long kMaxCertificates = 32 << 10;

template <typename Object, auto kFree>
struct FreeWith {
  void operator()(Object* object) const { kFree(object); }
};
using Bio = std::unique_ptr<BIO, FreeWith<BIO, BIO_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY, EVP_PKEY_free>>;
using Context = std::shared_ptr<SSL_CTX>;

absl::Status Wrong(const PemText& text, absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(text.name, ": ", what));
}

// With OpenSSL's reason.
absl::Status Unusable(const PemText& text) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return Wrong(text, absl::StrCat("cannot be used: ",
                                  reason == nullptr ? "invalid" : reason));
}

Bio Reader(const PemText& text) {
  return Bio(
      BIO_new_mem_buf(text.text.data(), static_cast<int>(text.text.size())));
}

absl::StatusOr<std::vector<Certificate>> Certificates(const PemText& text) {
  const Bio reader = Reader(text);
  std::vector<Certificate> all;
  while (X509* const one =
             PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    all.emplace_back(one);
  }
  ERR_clear_error();  // Of the text's end.
  if (all.empty()) return Wrong(text, "has no certificate in PEM");
  return all;
}

absl::Status Use(const TlsIdentity& identity, SSL_CTX* context) {
  const auto chain = Certificates(identity.certificate);
  if (!chain.ok()) return chain.status();
  // Keys with a passphrase are invalid; nobody is prompted for one.
  char no_passphrase[] = "";
  const Key key(PEM_read_bio_PrivateKey(Reader(identity.key).get(), nullptr,
                                        nullptr, no_passphrase));
  if (key == nullptr) {
    return Wrong(identity.key,
                 "has no private key in PEM without a passphrase");
  }
  if (X509_check_private_key(chain->front().get(), key.get()) != 1) {
    return Wrong(identity.key,
                 absl::StrCat("is not the key of the certificate in ",
                              identity.certificate.name));
  }
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) {
    return Unusable(identity.certificate);
  }
  for (size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1) {
      return Unusable(identity.certificate);
    }
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Unusable(identity.key);
  }
  return absl::OkStatus();
}

absl::Status Trust(const PemText& authorities, SSL_CTX* context) {
  const auto certificates = Certificates(authorities);
  if (!certificates.ok()) return certificates.status();
  for (const Certificate& authority : *certificates) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) !=
        1) {
      return Unusable(authorities);
    }
    SSL_CTX_add_client_CA(context, authority.get());
  }
  return absl::OkStatus();
}

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
  if (absl::Status used = Use(identity, context->get()); !used.ok()) {
    return used;
  }
  if (in_kernel) SSL_CTX_set_options(context->get(), SSL_OP_ENABLE_KTLS);
  if (client_authorities.text.empty()) return context;
  absl::Status trusted = Trust(client_authorities, context->get());
  if (!trusted.ok()) return trusted;
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

absl::StatusOr<Context> NewClientContext(const PemText& authorities,
                                         const TlsIdentity& identity) {
  absl::StatusOr<Context> context = NewContext(TLS_client_method());
  if (!context.ok()) return context;
  if (!identity.certificate.text.empty()) {
    if (absl::Status used = Use(identity, context->get()); !used.ok()) {
      return used;
    }
  }
  if (!authorities.text.empty()) {
    absl::Status trusted = Trust(authorities, context->get());
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
