// The spec of a distribution: as clients write it, and as etcd has it.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_SPEC_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_SPEC_H_

#include "absl/status/statusor.h"
#include "server/fleet/service/api.h"
#include "tcptool/fleet/v1/fleet.pb.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool::fleet {

// Without its times and its request_id. `node`: the name of this one, to which
// the content is uploaded if the source is an upload. INVALID_ARGUMENT names
// the fields that are wrong.
absl::StatusOr<v1::DistributionSpec> ToStored(const api::DistributionSpec& spec,
                                              const std::string& node);

// The way back.
api::DistributionSpec ToMessage(const v1::DistributionSpec& spec);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_SPEC_H_
