// A server's TLS, of files that may change.
#ifndef TCPTOOL_SERVER_SECURITY_TLS_H_
#define TCPTOOL_SERVER_SECURITY_TLS_H_

#include <openssl/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/security/pem_files.h"

namespace tcptool::server {

// The server's certificate, and whose certificates clients may have.
//
// Any thread may call any method.
class TlsContext {
 public:
  struct Files {
    IdentityFiles identity;
    std::optional<CredentialFile> client_ca;  // None: no client has one.
  };
  // What they have, in PEM.
  struct Texts {
    IdentityText identity;
    std::string client_ca;
    bool operator==(const Texts&) const = default;
  };
  // What new connections get. INVALID_ARGUMENT: a text is not what it should
  // be, or the key is not the certificate's; names the flag and the file.
  using Make = std::function<absl::StatusOr<std::shared_ptr<SSL_CTX>>(
      const Files& files, const Texts& texts)>;

  // INVALID_ARGUMENT as well if a file cannot be read.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Load(Files files,
                                                          Make make);

  // For new connections.
  std::shared_ptr<SSL_CTX> Current() const;

  // Loads the files again if they have changed; may block on a disk. One thread
  // at a time. While they are wrong, as when the certificate was replaced and
  // its key was not yet, the old ones are used; that is logged.
  void ReloadIfChanged();

 private:
  TlsContext(Files files, Make make)
      : files_(std::move(files)), make_(std::move(make)) {}

  absl::StatusOr<Texts> Read() const;

  const Files files_;
  const Make make_;
  // Only the reloading thread uses these.
  Texts texts_;
  absl::Status failure_;  // Of the last reload; logged once.
  mutable absl::Mutex mutex_;
  std::shared_ptr<SSL_CTX> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_TLS_H_
