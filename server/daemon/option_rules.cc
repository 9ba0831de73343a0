#include "server/daemon/option_rules.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/control_address.h"

namespace tcptool::server {

std::string CheckTogether(const Options& options) {
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
  if (!options.peers.address.empty() && !IsLocal(options.peers.address) &&
      !(tls && asks_who)) {
    return absl::StrCat(
        "--peer-address ", options.peers.address,
        ": anybody who reaches it could have every content; choose a loopback "
        "address, or add --tls-cert and --tls-key with --token-file or "
        "--tls-client-ca");
  }
  if (IsLocal(options.control.address) || options.control.insecure) return "";
  if (tls && asks_who) return "";
  return absl::StrCat(
      "--control-address ", options.control.address,
      ": anybody who reaches it could read and send every file; choose a "
      "loopback address, or add --tls-cert and --tls-key with --token-file or "
      "--tls-client-ca, or say --insecure-control");
}

}  // namespace tcptool::server
