#include "dataplane/tls/certificate_names.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tcptool::dataplane {
namespace {

// With its length: a NUL within a name is a part of it.
absl::string_view TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

void AddCommonName(const X509& certificate, std::vector<std::string>& names) {
  X509_NAME* const subject = X509_get_subject_name(&certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return;
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(
      &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (size < 0) return;
  names.push_back(
      absl::StrCat("cn:", absl::string_view(reinterpret_cast<char*>(utf8),
                                            static_cast<size_t>(size))));
  OPENSSL_free(utf8);
}

}  // namespace

std::vector<std::string> CertificateNames(const X509& certificate) {
  std::vector<std::string> names;
  AddCommonName(certificate, names);
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(
          &certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  std::vector<std::string> uris;
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* const name =
        sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) {
      names.push_back(absl::StrCat("dns:", TextOf(name->d.dNSName)));
    } else if (name->type == GEN_URI) {
      uris.push_back(
          absl::StrCat("uri:", TextOf(name->d.uniformResourceIdentifier)));
    }
  }
  names.insert(names.end(), uris.begin(), uris.end());
  return names;
}

}  // namespace tcptool::dataplane
