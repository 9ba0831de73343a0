// What this node shows to those that it calls, and whom it takes for a node.
#ifndef TCPTOOL_SERVER_PEERS_NODE_CREDENTIALS_H_
#define TCPTOOL_SERVER_PEERS_NODE_CREDENTIALS_H_

#include <grpcpp/channel.h>
#include <openssl/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/peers/peer_options.h"
#include "server/security/credential_reloader.h"
#include "server/security/security_options.h"

namespace tcptool::server {

// With --peer-ca other nodes are called over TLS: they must have a certificate
// that it has signed for the address by which they are called, and this node
// shows its own, if it has one (--tls-cert).
//
// With --peer-data-tls the same certificates are shown and believed on data
// connections: that of a node that this one receives from is signed by
// --peer-ca, that of one that receives by --tls-client-ca.
//
// The files are read again once a second; while they are wrong, or their disk
// does not answer, what was read before is used. Any thread may call any
// method; none waits for a disk.
class NodeCredentials {
 public:
  // `fleet_node`: this node's name in its fleet; empty: it is in none.
  // INVALID_ARGUMENT: a file that the options name cannot be read, or is not
  // what it should be; the message names the flag and the file.
  static absl::StatusOr<std::unique_ptr<NodeCredentials>> Load(
      const PeerOptions& options, const SecurityOptions& security,
      std::string fleet_node = "");

  // `address`: "HOST:PORT". A channel keeps the credentials of its beginning.
  // Its connection ends when it has had no call for `idle`, of which gRPC's
  // least is 1 s.
  std::shared_ptr<grpc::Channel> NewChannel(
      const std::string& address,
      std::chrono::milliseconds idle = std::chrono::seconds(1)) const;
  // Grows when the files have changed.
  int64_t version() const;
  // What each call shows as a bearer. Empty: nothing.
  std::string token() const;

  const std::string& fleet_node() const { return fleet_node_; }
  // Whether content goes in TLS, and in TLS alone.
  bool data_tls() const;
  // For a new data connection: of a node that this one receives from, and of
  // one that receives from here. Null without TLS, the latter without
  // --peer-address too.
  std::shared_ptr<SSL_CTX> data_client() const;
  std::shared_ptr<SSL_CTX> data_server() const;

 private:
  class Files;

  NodeCredentials(std::shared_ptr<Files> files, std::string fleet_node);

  const std::shared_ptr<Files> files_;
  const std::string fleet_node_;
  std::unique_ptr<CredentialReloader> reloader_;  // Null: there are no files.
};

// Calls data_server() of these, as PeerPort wants it. Null: without TLS.
std::function<std::shared_ptr<SSL_CTX>()> DataServersOf(
    std::shared_ptr<const NodeCredentials> credentials);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_NODE_CREDENTIALS_H_
