#include "server/security/pem_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

using Bio = std::unique_ptr<BIO, FreeWith<BIO, BIO_free>>;
using File = std::unique_ptr<std::FILE, FreeWith<std::FILE, std::fclose>>;

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace

absl::Status WrongFile(const CredentialFile& file, absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat(file.flag, " ", file.path, ": ", what));
}

absl::StatusOr<std::string> ReadCredentialFile(const CredentialFile& file) {
  const auto cannot_be_read = [&](int error) {
    return WrongFile(file,
                     absl::StrCat("cannot be read: ", std::strerror(error)));
  };
  const File opened(std::fopen(file.path.c_str(), "re"));
  if (opened == nullptr) return cannot_be_read(errno);
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), opened.get()));
  if (std::ferror(opened.get()) != 0) return cannot_be_read(errno);
  if (text.size() > kMaxFileBytes) {
    return WrongFile(file, "is larger than 1 MiB");
  }
  return text;
}

absl::StatusOr<std::vector<Certificate>> ParseCertificates(
    const CredentialFile& file, const std::string& text) {
  const Bio reader = Reader(text);
  std::vector<Certificate> all;
  while (X509* const one =
             PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    all.emplace_back(one);
  }
  ERR_clear_error();  // Of the file's end.
  if (all.empty()) return WrongFile(file, "has no certificate in PEM");
  return all;
}

IdentityFiles IdentityFilesOf(const SecurityOptions& options) {
  return {.certificate = {.flag = "--tls-cert", .path = options.tls_cert},
          .key = {.flag = "--tls-key", .path = options.tls_key}};
}

absl::StatusOr<IdentityText> ReadIdentity(const IdentityFiles& files) {
  auto certificate = ReadCredentialFile(files.certificate);
  if (!certificate.ok()) return certificate.status();
  auto key = ReadCredentialFile(files.key);
  if (!key.ok()) return key.status();
  return IdentityText{.certificate = *std::move(certificate),
                      .key = *std::move(key)};
}

absl::StatusOr<Identity> ParseIdentity(const IdentityFiles& files,
                                       const IdentityText& text) {
  auto chain = ParseCertificates(files.certificate, text.certificate);
  if (!chain.ok()) return chain.status();
  // Keys with a passphrase are invalid; nobody is prompted for one.
  char no_passphrase[] = "";
  Identity identity = {
      .chain = *std::move(chain),
      .key = Key(PEM_read_bio_PrivateKey(Reader(text.key).get(), nullptr,
                                         nullptr, no_passphrase))};
  if (identity.key == nullptr) {
    return WrongFile(files.key,
                     "has no private key in PEM without a passphrase");
  }
  if (X509_check_private_key(identity.chain.front().get(),
                             identity.key.get()) != 1) {
    return WrongFile(files.key,
                     absl::StrCat("is not the key of the certificate in ",
                                  files.certificate.path));
  }
  return identity;
}

}  // namespace tcptool::server
