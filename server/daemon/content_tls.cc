#include "server/daemon/content_tls.h"

#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "dataplane/tls/kernel_tls.h"
#include "server/base/log.h"

namespace tcptool::server {

absl::StatusOr<std::unique_ptr<ContentTls>> ContentTls::Start(
    const DataTlsOptions& options) {
  auto context = LoadDataTls(options);
  if (!context.ok()) return context.status();
  const bool client_certificates = !options.client_ca.empty();
  LogInfo("serving_tls",
          {{"client_certificates", client_certificates ? "on" : "off"},
           {"kernel_has_tls", dataplane::HasKernelTls() ? "yes" : "no"},
           {"kernel_tls", UsesKernelTls(options) ? "on" : "off"}});
  return absl::WrapUnique(
      new ContentTls(*std::move(context), client_certificates));
}

ContentTls::ContentTls(std::shared_ptr<TlsContext> context,
                       bool client_certificates)
    : context_(std::move(context)),
      client_certificates_(client_certificates),
      reloader_([tls = context_] { tls->ReloadIfChanged(); }) {}

DataTlsRules ContentTls::rules() const {
  return {.context = [tls = context_] { return tls->Current(); },
          .client_certificates = client_certificates_};
}

}  // namespace tcptool::server
