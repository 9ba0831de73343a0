// The parts of the subcommands that are about distributions.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_COMMANDS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_COMMANDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/tcptoolctl/commands.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool {

// Whether it is "distributions/ID".
bool IsDistribution(const std::string& name);

absl::Status PrintDistribution(
    const absl::StatusOr<v1::Distribution>& distribution,
    const Options& options);

absl::Status RetryDistribution(Client& client, const Options& options);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_COMMANDS_H_
