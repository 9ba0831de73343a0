// The IP address of a caller.
#ifndef TCPTOOL_SERVER_RPC_PEER_ADDRESS_H_
#define TCPTOOL_SERVER_RPC_PEER_ADDRESS_H_

#include <asio/ip/address.hpp>

#include "absl/strings/string_view.h"

namespace tcptool::server {

// `peer`: as Peer::address has it, or as gRPC does, which writes brackets and
// percent signs as in a URL. 0.0.0.0: it has no IP address, as a Unix socket's.
asio::ip::address PeerAddress(absl::string_view peer);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_PEER_ADDRESS_H_
