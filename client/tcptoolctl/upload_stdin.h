// Standard input as the content of a session or a distribution.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_UPLOAD_STDIN_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_UPLOAD_STDIN_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "client/api/client.h"

namespace tcptool {

// INVALID_ARGUMENT: there is no standard input that can be read.
absl::Status CheckStdin();

// Uploads standard input to its end, as the session's recipients take it.
// Cancels the session if that fails. CANCELLED: `stop` was requested before the
// input's end.
absl::Status UploadStdin(Client& client, const std::string& session,
                         const std::stop_token& stop);

// The same to a distribution, as the disk of its node takes it. One that has
// begun and breaks off has failed the distribution: ABORTED, or CANCELLED as
// above. If nothing has come of it, and `is_own` is true, the distribution is
// cancelled, so that nobody waits for an upload; one that is not this caller's
// own may have one of somebody else.
absl::Status UploadStdinToDistribution(Client& client,
                                       const std::string& distribution,
                                       bool is_own,
                                       const std::stop_token& stop);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_UPLOAD_STDIN_H_
