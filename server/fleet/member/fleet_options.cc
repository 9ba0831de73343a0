#include "server/fleet/member/fleet_options.h"

#include <utility>

#include "server/security/pem_files.h"

namespace tcptool::fleet {

absl::StatusOr<EtcdOptions> LoadEtcdOptions(const FleetOptions& options) {
  EtcdOptions etcd = {.endpoints = options.etcd};
  if (!options.etcd_tls_ca.empty()) {
    auto ca = server::ReadCertificates(
        {.flag = "--etcd-tls-ca", .path = options.etcd_tls_ca});
    if (!ca.ok()) return ca.status();
    etcd.tls_ca = *std::move(ca);
  }
  if (!options.etcd_tls_cert.empty()) {
    const server::IdentityFiles files = {
        .certificate = {.flag = "--etcd-tls-cert",
                        .path = options.etcd_tls_cert},
        .key = {.flag = "--etcd-tls-key", .path = options.etcd_tls_key}};
    auto identity = server::ReadIdentity(files);
    if (!identity.ok()) return identity.status();
    etcd.tls_cert = std::move(identity->certificate);
    etcd.tls_key = std::move(identity->key);
  }
  return etcd;
}

}  // namespace tcptool::fleet
