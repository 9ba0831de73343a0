#include "server/security/tls.h"

#include <openssl/ssl.h>

#include <utility>

#include "absl/memory/memory.h"
#include "server/base/log.h"

namespace tcptool::server {

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Load(Files files,
                                                             Make make) {
  auto tls =
      absl::WrapUnique(new TlsContext(std::move(files), std::move(make)));
  absl::StatusOr<Texts> texts = tls->Read();
  if (!texts.ok()) return texts.status();
  absl::StatusOr<std::shared_ptr<SSL_CTX>> context =
      tls->make_(tls->files_, *texts);
  if (!context.ok()) return context.status();
  tls->texts_ = *std::move(texts);
  absl::MutexLock lock(&tls->mutex_);
  tls->current_ = *std::move(context);
  return tls;
}

std::shared_ptr<SSL_CTX> TlsContext::Current() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

absl::StatusOr<TlsContext::Texts> TlsContext::Read() const {
  absl::StatusOr<IdentityText> identity = ReadIdentity(files_.identity);
  if (!identity.ok()) return identity.status();
  Texts texts;
  texts.identity = *std::move(identity);
  if (files_.client_ca) {
    absl::StatusOr<std::string> client_ca =
        ReadCredentialFile(*files_.client_ca);
    if (!client_ca.ok()) return client_ca.status();
    texts.client_ca = *std::move(client_ca);
  }
  return texts;
}

void TlsContext::ReloadIfChanged() {
  absl::StatusOr<Texts> texts = Read();
  absl::Status status = texts.status();
  if (status.ok()) {
    if (*texts == texts_) {
      failure_ = absl::OkStatus();
      return;
    }
    absl::StatusOr<std::shared_ptr<SSL_CTX>> context = make_(files_, *texts);
    status = context.status();
    if (status.ok()) {
      texts_ = *std::move(texts);
      absl::MutexLock lock(&mutex_);
      current_ = *std::move(context);
    }
  }
  if (status.ok()) {
    LogInfo("tls_reloaded", {{"file", files_.identity.certificate.path}});
  } else if (status != failure_) {
    LogError("tls_not_reloaded", {{"error", status.message()}});
  }
  failure_ = std::move(status);
}

}  // namespace tcptool::server
