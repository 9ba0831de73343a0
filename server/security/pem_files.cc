#include "server/security/pem_files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

}  // namespace

dataplane::PemText PemOf(const CredentialFile& file, std::string text) {
  return {.name = absl::StrCat(file.flag, " ", file.path),
          .text = std::move(text)};
}

absl::Status WrongFile(const CredentialFile& file, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(file.flag, " ", file.path, ": ", what));
}

absl::StatusOr<std::string> ReadCredentialFile(const CredentialFile& file) {
  const auto cannot_be_read = [&](int error) {
    return WrongFile(file,
                     absl::StrCat("cannot be read: ", std::strerror(error)));
  };
  const File opened(std::fopen(file.path.c_str(), "re"), &std::fclose);
  if (opened == nullptr) return cannot_be_read(errno);
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), opened.get()));
  if (std::ferror(opened.get()) != 0) return cannot_be_read(errno);
  if (text.size() > kMaxFileBytes) {
    return WrongFile(file, "is larger than 1 MiB");
  }
  return text;
}

absl::StatusOr<std::string> ReadCertificates(const CredentialFile& file) {
  auto text = ReadCredentialFile(file);
  if (!text.ok()) return text;
  const absl::Status status = dataplane::CheckCertificates(PemOf(file, *text));
  if (!status.ok()) return status;
  return text;
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
  IdentityText text = {.certificate = *std::move(certificate),
                       .key = *std::move(key)};
  const absl::Status status = dataplane::CheckIdentity(IdentityOf(files, text));
  if (!status.ok()) return status;
  return text;
}

dataplane::TlsIdentity IdentityOf(const IdentityFiles& files,
                                  const IdentityText& text) {
  return {.certificate = PemOf(files.certificate, text.certificate),
          .key = PemOf(files.key, text.key)};
}

}  // namespace tcptool::server
