#include "server/daemon/option_rules.h"

#include <algorithm>
#include <asio/ip/address.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/control_address.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

// What --fleet has to go with, and what goes with it alone.
std::string CheckFleet(const fleet::FleetOptions& options,
                       const std::string& peer_address) {
  if (options.etcd_tls_cert.empty() != options.etcd_tls_key.empty()) {
    return "--etcd-tls-cert and --etcd-tls-key go together";
  }
  if (options.fleet.empty()) {
    const bool has_others =
        !options.etcd.empty() || !options.node.empty() ||
        !options.etcd_tls_ca.empty() || !options.etcd_tls_cert.empty() ||
        !options.rack.empty() || !options.labels.empty() ||
        options.egress_bytes_per_second != 0 ||
        options.max_deliveries != fleet::FleetOptions().max_deliveries;
    if (!has_others) return "";
    return "--etcd, --etcd-tls-ca, --etcd-tls-cert, --node, --rack, --egress, "
           "--max-deliveries and --label are about a fleet: add --fleet";
  }
  if (options.etcd.empty()) return "--fleet wants --etcd";
  if (options.node.empty()) {
    return "--fleet wants --node, a name that no other node of it has";
  }
  if (peer_address.empty()) {
    return "--fleet wants --peer-address, where other nodes get contents from "
           "this one";
  }
  if (!asio::ip::make_address(ParseHostPort(peer_address)->host)
           .is_unspecified()) {
    return "";
  }
  return absl::StrCat("--peer-address ", peer_address,
                      ": other nodes of the fleet are told to call it; choose "
                      "one address of this host");
}

// With what certificates content goes between nodes.
std::string CheckDataTls(const PeerOptions& peers,
                         const SecurityOptions& security) {
  if (!peers.data_tls) return "";
  if (peers.ca.empty() || security.tls_cert.empty()) {
    return "--peer-data-tls wants a certificate to show, and to know who signs "
           "those of other nodes: add --tls-cert, --tls-key and --peer-ca";
  }
  if (!peers.address.empty() && security.tls_client_ca.empty()) {
    return "--peer-data-tls with --peer-address wants to know who signs the "
           "certificates of nodes that receive from this one: add "
           "--tls-client-ca and --cert-role";
  }
  return "";
}

std::string CheckBrowsable(const DataOptions& options) {
  for (const std::string& name : options.browsable_roots) {
    const bool is_root =
        std::ranges::any_of(options.roots, [&name](const std::string& root) {
          return absl::StartsWith(root, absl::StrCat(name, "="));
        });
    if (!is_root) {
      return absl::StrCat("--browse ", name, ": there is no --root ", name,
                          "=DIR");
    }
  }
  return "";
}

std::string CheckContentTls(const DataTlsOptions& options) {
  if (options.cert.empty() != options.key.empty()) {
    return "--data-tls-cert and --data-tls-key go together";
  }
  if (options.cert.empty() && !options.client_ca.empty()) {
    return "--data-tls-client-ca wants --data-tls-cert and --data-tls-key";
  }
  if (options.cert.empty() && options.in_kernel) {
    return "--data-tls-kernel wants --data-tls-cert and --data-tls-key";
  }
  return "";
}

// The API over HTTP is to let in nobody whom the control address keeps out.
std::string CheckConnect(const Options& options, bool has_tls, bool asks_who) {
  if (!options.connect.enabled) {
    return options.connect.origins.empty()
               ? ""
               : "--http-api-origin is about the API over HTTP: add --http-api";
  }
  if (IsUnixSocket(options.control.address) && !asks_who) {
    return "--http-api would let in everybody on this machine, and the "
           "permissions of the control address's socket would count for "
           "nothing; add --token-file";
  }
  if (IsLocal(options.http.address) || (has_tls && asks_who)) return "";
  return absl::StrCat(
      "--http-api on --http-address ", options.http.address,
      ": anybody who reaches it could read and send every file; choose a "
      "loopback address, or add --tls-cert and --tls-key with --token-file or "
      "--tls-client-ca");
}

}  // namespace

std::string CheckTogether(const Options& options) {
  std::string browsable = CheckBrowsable(options.data);
  if (!browsable.empty()) return browsable;
  std::string content_tls = CheckContentTls(options.data.tls);
  if (!content_tls.empty()) return content_tls;
  const SecurityOptions& security = options.security;
  const bool tls = !security.tls_cert.empty();
  const bool asks_who =
      !security.token_file.empty() || !security.tls_client_ca.empty();
  if (tls == security.tls_key.empty()) {
    return "--tls-cert and --tls-key go together";
  }
  if (!tls && !security.tls_client_ca.empty()) {
    return "--tls-client-ca wants --tls-cert and --tls-key";
  }
  if (security.tls_client_ca.empty() != security.cert_roles.empty()) {
    return "--tls-client-ca and --cert-role go together: the one says which "
           "certificates are good, the other what they are good for";
  }
  if (security.tls_require_client_cert && security.tls_client_ca.empty()) {
    return "--tls-require-client-cert wants --tls-client-ca";
  }
  if (options.control.insecure && asks_who && !tls) {
    return "--insecure-control sends tokens in clear text; add --tls-cert and "
           "--tls-key in its place";
  }
  if (!options.peers.token_file.empty() && options.peers.ca.empty()) {
    return "--peer-token-file would send the token in clear text; add "
           "--peer-ca";
  }
  std::string data_tls = CheckDataTls(options.peers, security);
  if (!data_tls.empty()) return data_tls;
  std::string fleet = CheckFleet(options.fleet, options.peers.address);
  if (!fleet.empty()) return fleet;
  if (!options.peers.address.empty() && !IsLocal(options.peers.address) &&
      !(tls && asks_who)) {
    return absl::StrCat(
        "--peer-address ", options.peers.address,
        ": anybody who reaches it could have every content; choose a loopback "
        "address, or add --tls-cert and --tls-key with --token-file or "
        "--tls-client-ca");
  }
  std::string connect = CheckConnect(options, tls, asks_who);
  if (!connect.empty()) return connect;
  if (IsLocal(options.control.address) || options.control.insecure) return "";
  if (tls && asks_who) return "";
  return absl::StrCat(
      "--control-address ", options.control.address,
      ": anybody who reaches it could read and send every file; choose a "
      "loopback address, or add --tls-cert and --tls-key with --token-file or "
      "--tls-client-ca, or say --insecure-control");
}

}  // namespace tcptool::server
