// Who may call the control API.
#ifndef TCPTOOL_SERVER_SECURITY_SECURITY_OPTIONS_H_
#define TCPTOOL_SERVER_SECURITY_SECURITY_OPTIONS_H_

#include <string>
#include <vector>

namespace tcptool::server {

// Who may call. All empty: everybody who reaches the control address.
struct SecurityOptions {
  std::string tls_cert;  // PEM, the chain; empty: no TLS.
  std::string tls_key;
  std::string tls_client_ca;
  std::string token_file;
  std::vector<std::string> cert_roles;  // cn:NAME=ROLE, dns:, uri:, *=ROLE
  bool tls_require_client_cert = false;

  // Whether the TLS handshake fails without a client certificate: where no
  // tokens are configured, a client without one could call nothing.
  bool RequiresClientCertificate() const {
    return !tls_client_ca.empty() &&
           (tls_require_client_cert || token_file.empty());
  }
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_SECURITY_OPTIONS_H_
