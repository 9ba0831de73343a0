// The certificate of encrypted content, kept up to date.
#ifndef TCPTOOL_SERVER_DAEMON_CONTENT_TLS_H_
#define TCPTOOL_SERVER_DAEMON_CONTENT_TLS_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "server/api/encryption.h"
#include "server/security/credential_reloader.h"
#include "server/security/data_tls.h"
#include "server/security/tls.h"

namespace tcptool::server {

// Reads the files again on a thread of its own, for as long as it is there.
class ContentTls {
 public:
  // With a `cert`. Errors: as LoadDataTls().
  static absl::StatusOr<std::unique_ptr<ContentTls>> Start(
      const DataTlsOptions& options);

  // May be used for longer than this.
  DataTlsRules rules() const;
  const std::shared_ptr<TlsContext>& context() const { return context_; }

 private:
  ContentTls(std::shared_ptr<TlsContext> context, bool client_certificates);

  const std::shared_ptr<TlsContext> context_;
  const bool client_certificates_;
  const CredentialReloader reloader_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_CONTENT_TLS_H_
