#include "client/tcptool/tls_options.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "dataplane/tls/tls_context.h"
#include "dataplane/tls/validity.h"

namespace tcptool::client {
namespace {

using dataplane::PemText;
using dataplane::TlsIdentity;

absl::Status CheckIdentity(const TlsOptions& options) {
  if (options.key.empty() && !options.certificate.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--tls-cert '", options.certificate,
                     "' needs its private key! Give --tls-key, too."));
  }
  if (options.certificate.empty() && !options.key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--tls-key '", options.key,
                     "' needs its certificate! Give --tls-cert, too."));
  }
  return absl::OkStatus();
}

// An address, or a DNS name as certificates have them, without a wildcard.
bool IsHost(const std::string& name) {
  in6_addr address;
  if (inet_pton(AF_INET6, name.c_str(), &address) == 1) return true;
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  return std::ranges::all_of(labels, [](absl::string_view label) {
    return !label.empty() && std::ranges::all_of(label, [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
             c == '_';
    });
  });
}

std::string NameOf(absl::string_view flag, const std::string& path) {
  return absl::StrCat(flag, " '", path, "'");
}

// `path` may be empty: no text.
absl::StatusOr<PemText> Read(absl::string_view flag, const std::string& path) {
  if (path.empty()) return PemText{};
  return dataplane::ReadPem(NameOf(flag, path), path);
}

absl::StatusOr<TlsIdentity> ReadIdentity(const TlsOptions& options) {
  absl::StatusOr<PemText> certificate = Read("--tls-cert", options.certificate);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<PemText> key = Read("--tls-key", options.key);
  if (!key.ok()) return key.status();
  return TlsIdentity{.certificate = *std::move(certificate),
                     .key = *std::move(key)};
}

}  // namespace

absl::Status CheckSenderTls(const TlsOptions& options) {
  if (!options.ca.empty()) {
    return absl::InvalidArgumentError(
        "Option --tls-ca is a recipient's! A sender verifies its recipients by "
        "--tls-client-ca.");
  }
  if (!options.name.empty()) {
    return absl::InvalidArgumentError(
        "Option --tls-name is a recipient's! A sender has the names that its "
        "certificate has.");
  }
  if (options.certificate.empty() && options.key.empty() &&
      (options.tls || !options.client_ca.empty())) {
    return absl::InvalidArgumentError(
        "A sender that speaks TLS needs a certificate! Give --tls-cert and "
        "--tls-key.");
  }
  return CheckIdentity(options);
}

absl::Status CheckRecipientTls(const TlsOptions& options) {
  if (!options.client_ca.empty()) {
    return absl::InvalidArgumentError(
        "Option --tls-client-ca is a sender's! A recipient verifies its sender "
        "by --tls-ca.");
  }
  if (!options.name.empty() && !IsHost(options.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Illegal value '", options.name,
        "' of --tls-name! Give a DNS name or an address that the sender's "
        "certificate has."));
  }
  if (!options.tls) {
    const absl::string_view option = !options.ca.empty() ? "--tls-ca"
                                     : !options.certificate.empty()
                                         ? "--tls-cert"
                                     : !options.key.empty()  ? "--tls-key"
                                     : !options.name.empty() ? "--tls-name"
                                                             : "";
    if (option.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "Option ", option, " means nothing without --tls! Give --tls, too."));
  }
  return CheckIdentity(options);
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> NewSenderContext(
    const TlsOptions& options) {
  const absl::StatusOr<TlsIdentity> identity = ReadIdentity(options);
  if (!identity.ok()) return identity.status();
  const absl::StatusOr<PemText> client_ca =
      Read("--tls-client-ca", options.client_ca);
  if (!client_ca.ok()) return client_ca.status();
  return dataplane::NewServerContext(*identity, *client_ca);
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> NewRecipientContext(
    const TlsOptions& options) {
  const absl::StatusOr<TlsIdentity> identity = ReadIdentity(options);
  if (!identity.ok()) return identity.status();
  const absl::StatusOr<PemText> ca = Read("--tls-ca", options.ca);
  if (!ca.ok()) return ca.status();
  return dataplane::NewClientContext(*ca, *identity);
}

absl::Status CheckIsValidNow(const TlsOptions& options,
                             const SSL_CTX& context) {
  return dataplane::CheckIsValidNow(context,
                                    NameOf("--tls-cert", options.certificate));
}

}  // namespace tcptool::client
