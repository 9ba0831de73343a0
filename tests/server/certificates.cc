#include "tests/server/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>

namespace tcptool::server {
namespace {

constexpr long kDay = 24L * 60 * 60;

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

void AddExtension(X509* certificate, int kind, const std::string& value) {
  if (value.empty()) return;
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

std::string ToPem(const CertificatePtr& certificate) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate.get());
  return TextOf(bio);
}

std::string ToPem(const KeyPtr& key, const std::string& passphrase) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(
      bio, key.get(), passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
      passphrase.empty() ? nullptr : passphrase.c_str(),
      static_cast<int>(passphrase.size()), nullptr, nullptr);
  return TextOf(bio);
}

TestAuthority::TestAuthority(const std::string& name)
    : own_(Sign({.name = name, .may_sign = true}, nullptr)) {}

TestAuthority::TestAuthority(const std::string& name,
                             const TestAuthority& above)
    : own_(Sign({.name = name, .may_sign = true}, &above.own_)) {}

Issued TestAuthority::Issue(const Request& request) const {
  return Sign(request, &own_);
}

Issued TestAuthority::Sign(const Request& request, const Issued* signer) {
  static std::atomic<long> serial = 1;
  Issued made = {.certificate = {X509_new(), &X509_free},
                 .key = {EVP_EC_gen("P-256"), &EVP_PKEY_free}};
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), request.days * kDay);
  X509_set_pubkey(certificate, made.key.get());
  if (!request.name.empty()) {
    X509_NAME_add_entry_by_NID(
        X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
        reinterpret_cast<const unsigned char*>(request.name.data()),
        static_cast<int>(request.name.size()), -1, 0);
  }
  const Issued& by = signer == nullptr ? made : *signer;
  X509_set_issuer_name(certificate,
                       X509_get_subject_name(by.certificate.get()));
  AddExtension(certificate, NID_basic_constraints,
               request.may_sign ? "critical,CA:TRUE" : "critical,CA:FALSE");
  AddExtension(certificate, NID_subject_alt_name, request.alternatives);
  AddExtension(certificate, NID_ext_key_usage, request.purpose);
  X509_sign(certificate, by.key.get(), EVP_sha256());
  return made;
}

}  // namespace tcptool::server
