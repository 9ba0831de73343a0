// TLS on the control port.
#ifndef TCPTOOL_SERVER_SECURITY_TLS_H_
#define TCPTOOL_SERVER_SECURITY_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "absl/status/statusor.h"
#include "server/security/security_options.h"

namespace tcptool::server {

// INVALID_ARGUMENT: a file cannot be read, is not what it should be, or the key
// is not the certificate's; names the flag and the file.
absl::Status CheckTlsFiles(const SecurityOptions& options);

// Call it after CheckTlsFiles(). Files that change are reloaded, for new
// connections only.
//
// A client's certificate must be signed by the CA. It may come without one
// unless SecurityOptions::RequiresClientCertificate().
std::shared_ptr<grpc::ServerCredentials> NewTlsCredentials(
    const SecurityOptions& options);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_TLS_H_
