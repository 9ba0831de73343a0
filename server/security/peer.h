// Who is at the other end of a connection of the control port.
#ifndef TCPTOOL_SERVER_SECURITY_PEER_H_
#define TCPTOOL_SERVER_SECURITY_PEER_H_

#include <string>
#include <vector>

namespace tcptool::server {

struct Peer {
  std::string address;  // "ipv4:192.0.2.1:50000", "ipv6:[::1]:50000", "unix:".
  // Its certificate was verified.
  bool has_certificate = false;
  // See dataplane::CertificateNames().
  std::vector<std::string> certificate_names;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_PEER_H_
