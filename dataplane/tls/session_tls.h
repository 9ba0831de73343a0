// Content in TLS: what a session asks of its recipients' connections.
#ifndef TCPTOOL_DATAPLANE_TLS_SESSION_TLS_H_
#define TCPTOOL_DATAPLANE_TLS_SESSION_TLS_H_

#include <openssl/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tcptool::dataplane {

struct SessionTls {
  // The context for a new connection, see NewServerContext(); null: there is
  // none, and the connection fails. Called on the session's lanes; must not
  // block.
  std::function<std::shared_ptr<SSL_CTX>()> context;
  // A recipient without a certificate fails the handshake. The context has
  // authorities for clients.
  bool requires_certificate = false;
  // Who may connect: whose certificate has one of these names, as
  // CertificateNames() has them ("cn:NAME", "dns:NAME", "uri:NAME"). Others are
  // REJECTED, NOT_AUTHORIZED. Empty: everybody.
  std::vector<std::string> names;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_SESSION_TLS_H_
