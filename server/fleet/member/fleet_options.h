// The options for being a node of a fleet.
#ifndef TCPTOOL_SERVER_FLEET_MEMBER_FLEET_OPTIONS_H_
#define TCPTOOL_SERVER_FLEET_MEMBER_FLEET_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/fleet/etcd/etcd_options.h"

namespace tcptool::fleet {

struct FleetOptions {
  std::string fleet;  // IsFleetName(); empty: the node is in none.
  std::string node;   // The same.

  // HOST:PORT or unix:PATH of each member of etcd's cluster.
  std::vector<std::string> etcd;
  // Files in PEM. All empty: etcd is called in clear text.
  std::string etcd_tls_ca;    // Empty: the system's.
  std::string etcd_tls_cert;  // Goes with the key.
  std::string etcd_tls_key;

  // As of Node in fleet.proto.
  std::string rack;
  int64_t egress_bytes_per_second = 0;
  std::map<std::string, std::string> labels;

  int max_deliveries = 8;  // Received at a time; at least 1.
};

// With what the files have. May wait for a disk. INVALID_ARGUMENT: one of them
// cannot be read, or is not what it should be; the message names the flag and
// the file.
absl::StatusOr<EtcdOptions> LoadEtcdOptions(const FleetOptions& options);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_MEMBER_FLEET_OPTIONS_H_
