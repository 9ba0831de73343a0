// What clients are told when etcd cannot do what they have asked for.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_ETCD_ERRORS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_ETCD_ERRORS_H_

#include "absl/status/status.h"

namespace tcptool::fleet {

// How often a write whose outcome is not known is tried anew, as it is made so
// that twice is as good as once; each try takes the time that EtcdOptions gives
// it.
inline constexpr int kTries = 5;

// UNAVAILABLE where the client may try again: etcd is away, has not told
// whether it has carried something out, or takes the node for somebody else.
absl::Status EtcdErrorForClient(const absl::Status& status);

// UNAVAILABLE: the node does not know yet what its fleet has.
absl::Status NotReady();

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_ETCD_ERRORS_H_
