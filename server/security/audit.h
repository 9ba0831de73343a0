// A line in the log for each call that changes something: who, what, outcome.
#ifndef TCPTOOL_SERVER_SECURITY_AUDIT_H_
#define TCPTOOL_SERVER_SECURITY_AUDIT_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>

#include "server/security/auth.h"

namespace tcptool::server {

// For every call that needs an operator. Calls that `auth` refuses do not come
// so far; it logs them itself. `auth` outlives the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
NewAuditInterceptors(const Auth& auth);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_AUDIT_H_
