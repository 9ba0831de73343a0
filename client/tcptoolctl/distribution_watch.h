// `tcptoolctl watch` of a distribution.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_WATCH_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_WATCH_H_

#include <string>

#include "absl/status/status.h"
#include "client/api/client.h"
#include "client/tcptoolctl/commands.h"

namespace tcptool {

// Until the distribution is final; ABORTED unless it has SUCCEEDED. What
// becomes of it, and who moves, is watched; how far its deliveries are, of
// which there is no watch, is looked at once a second, or less often where that
// takes long.
absl::Status WatchDistribution(Client& client, const std::string& name,
                               const Options& options);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_WATCH_H_
