// The options for what goes from node to node.
#ifndef TCPTOOL_SERVER_PEERS_PEER_OPTIONS_H_
#define TCPTOOL_SERVER_PEERS_PEER_OPTIONS_H_

#include <cstdint>
#include <string>

namespace tcptool::server {

struct PeerOptions {
  // "IP:PORT", where other nodes call this one. Empty: they cannot.
  std::string address;
  // Where their data connections come, on the same IP. 0: any free port.
  uint16_t data_port = 0;
  // Who signs the certificates of the nodes that this one calls, in PEM. Empty:
  // they are called in clear text.
  std::string ca;
  // What this node shows to those that it calls. Empty: nothing.
  std::string token_file;
  // Whether content goes to and from other nodes in TLS, and in TLS alone.
  bool data_tls = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PEER_OPTIONS_H_
