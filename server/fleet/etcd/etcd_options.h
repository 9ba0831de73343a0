// Where etcd is, and how to speak to it.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_ETCD_OPTIONS_H_
#define TCPTOOL_SERVER_FLEET_ETCD_ETCD_OPTIONS_H_

#include <chrono>
#include <string>
#include <vector>

namespace tcptool::fleet {

struct EtcdOptions {
  // HOST:PORT, or unix:PATH, of each member; at least one.
  std::vector<std::string> endpoints;

  // In PEM, not names of files. Any of them turns TLS on.
  std::string tls_ca;    // Empty: the system's.
  std::string tls_cert;  // Goes with tls_key.
  std::string tls_key;
  // The name that the members' certificates must have, where it is not that of
  // the endpoint.
  std::string tls_server_name;

  // Empty: none.
  std::string user;
  std::string password;

  // Of a call with all its tries, and of each try at one endpoint.
  std::chrono::milliseconds timeout = std::chrono::seconds(6);
  std::chrono::milliseconds try_timeout = std::chrono::seconds(2);

  bool wants_tls() const {
    return !tls_ca.empty() || !tls_cert.empty() || !tls_server_name.empty();
  }
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_ETCD_OPTIONS_H_
