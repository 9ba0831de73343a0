// Whether the content of a distribution may be uploaded to a node.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_UPLOAD_CHECK_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_UPLOAD_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

// `distribution` has a spec. FAILED_PRECONDITION: its source is a file, or
// another node takes its upload, or it is finished, or the node has the whole
// already or has failed to get it.
absl::Status CheckUpload(const std::string& id,
                         const Distribution& distribution,
                         const std::string& node);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_UPLOAD_CHECK_H_
