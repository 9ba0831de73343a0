#include "server/security/pem_files.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

std::string NameOf(const CredentialFile& file) {
  return absl::StrCat(file.flag, " ", file.path);
}

}  // namespace

dataplane::PemText PemOf(const CredentialFile& file, std::string text) {
  return {.name = NameOf(file), .text = std::move(text)};
}

absl::Status WrongFile(const CredentialFile& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(NameOf(file), ": ", what));
}

absl::StatusOr<std::string> ReadCredentialFile(const CredentialFile& file) {
  auto pem = dataplane::ReadPem(NameOf(file), file.path);
  if (!pem.ok()) return pem.status();
  return std::move(pem->text);
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
