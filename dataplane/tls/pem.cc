#include "dataplane/tls/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tcptool::dataplane {
namespace {

template <typename Object, auto kFree>
struct FreeWith {
  void operator()(Object* object) const { kFree(object); }
};
using File = std::unique_ptr<std::FILE, FreeWith<std::FILE, std::fclose>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO, BIO_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY, EVP_PKEY_free>>;

constexpr size_t kMaxFileBytes = size_t{1} << 20;

struct Parsed {
  std::vector<Certificate> chain;  // Its own first.
  Key key;
};

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
  if (all.empty()) return Wrong(text, "has no certificate in PEM");
  // At the text's end it has this error; one that is broken, or cut short, has
  // another.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return Wrong(text, absl::StrCat("certificate ", all.size() + 1,
                                    " in it is broken or cut short"));
  }
  ERR_clear_error();
  return all;
}

absl::StatusOr<Parsed> Parse(const TlsIdentity& identity) {
  auto chain = Certificates(identity.certificate);
  if (!chain.ok()) return chain.status();
  // Keys with a passphrase are invalid; nobody is prompted for one.
  char no_passphrase[] = "";
  Key key(PEM_read_bio_PrivateKey(Reader(identity.key).get(), nullptr, nullptr,
                                  no_passphrase));
  if (key == nullptr) {
    return Wrong(identity.key,
                 "has no private key in PEM without a passphrase");
  }
  if (X509_check_private_key(chain->front().get(), key.get()) != 1) {
    return Wrong(identity.key,
                 absl::StrCat("is not the key of the certificate in ",
                              identity.certificate.name));
  }
  return Parsed{.chain = *std::move(chain), .key = std::move(key)};
}

}  // namespace

absl::StatusOr<PemText> ReadPem(std::string name, const std::string& path) {
  PemText pem = {.name = std::move(name), .text = ""};
  const auto cannot_be_read = [&](int error) {
    return Wrong(pem, absl::StrCat("cannot be read: ", std::strerror(error)));
  };
  const File file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return cannot_be_read(errno);
  pem.text.resize(kMaxFileBytes + 1);
  pem.text.resize(std::fread(pem.text.data(), 1, pem.text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return cannot_be_read(errno);
  if (pem.text.empty()) return Wrong(pem, "is empty");
  if (pem.text.size() > kMaxFileBytes) {
    return Wrong(pem, "is larger than 1 MiB");
  }
  pem.text.shrink_to_fit();  // It is kept.
  return pem;
}

absl::Status CheckCertificates(const PemText& text) {
  return Certificates(text).status();
}

absl::Status CheckIdentity(const TlsIdentity& identity) {
  return Parse(identity).status();
}

absl::Status UseIdentity(const TlsIdentity& identity, SSL_CTX* context) {
  const absl::StatusOr<Parsed> parsed = Parse(identity);
  if (!parsed.ok()) return parsed.status();
  const std::vector<Certificate>& chain = parsed->chain;
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return Unusable(identity.certificate);
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return Unusable(identity.certificate);
    }
  }
  if (SSL_CTX_use_PrivateKey(context, parsed->key.get()) != 1) {
    return Unusable(identity.key);
  }
  return absl::OkStatus();
}

absl::Status TrustAuthorities(const PemText& authorities, SSL_CTX* context) {
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

}  // namespace tcptool::dataplane
