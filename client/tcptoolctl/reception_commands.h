// The parts of the subcommands that are about receptions.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_RECEPTION_COMMANDS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_RECEPTION_COMMANDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/api/client.h"
#include "client/tcptoolctl/commands.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool {

// Whether it is "receptions/ID", and not a session's name.
bool IsReception(const std::string& name);

absl::Status PrintReception(const absl::StatusOr<v1::Reception>& reception,
                            const Options& options);

// Until the reception is final; ABORTED unless it has SUCCEEDED.
absl::Status WatchReception(Client& client, const std::string& name,
                            const Options& options);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_RECEPTION_COMMANDS_H_
