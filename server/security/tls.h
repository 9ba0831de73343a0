// TLS on the control port, and on the HTTP address where that has the API.
#ifndef TCPTOOL_SERVER_SECURITY_TLS_H_
#define TCPTOOL_SERVER_SECURITY_TLS_H_

#include <openssl/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/security/pem_files.h"
#include "server/security/security_options.h"

namespace tcptool::server {

// What is spoken within TLS: of protocols that clients ask for (ALPN), the one
// that they must ask for, or may.
enum class TlsProtocol {
  kHttp2,  // They must.
  kHttp1,  // Who asks for others asks for this one too.
};

// The server's certificate, and whose certificates clients may have: signed by
// the CA, or none unless SecurityOptions::RequiresClientCertificate().
//
// Any thread may call any method.
class TlsContext {
 public:
  // INVALID_ARGUMENT: a file cannot be read, is not what it should be, or the
  // key is not the certificate's; names the flag and the file.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Load(
      const SecurityOptions& options,
      TlsProtocol protocol = TlsProtocol::kHttp2);

  // For new connections.
  std::shared_ptr<SSL_CTX> Current() const;

  // Loads the files again if they have changed; may block on a disk. One thread
  // at a time. While they are wrong, as when the certificate was replaced and
  // its key was not yet, the old ones are used; that is logged.
  void ReloadIfChanged();

 private:
  struct Files {
    IdentityText identity;
    std::string client_ca;  // In PEM. Empty: no client has a certificate.
    bool operator==(const Files&) const = default;
  };

  TlsContext(SecurityOptions options, TlsProtocol protocol)
      : options_(std::move(options)), protocol_(protocol) {}

  absl::StatusOr<Files> Read() const;
  absl::StatusOr<std::shared_ptr<SSL_CTX>> NewContext(const Files& files) const;

  const SecurityOptions options_;
  const TlsProtocol protocol_;
  // Only the reloading thread uses these.
  Files files_;
  absl::Status failure_;  // Of the last reload; logged once.
  mutable absl::Mutex mutex_;
  std::shared_ptr<SSL_CTX> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_TLS_H_
