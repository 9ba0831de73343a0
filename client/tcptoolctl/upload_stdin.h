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

// The same to a distribution, as the disk of its node takes it. Cancels the
// distribution if the service could not take the upload, so that nobody waits
// for one; an upload that breaks off has failed it.
absl::Status UploadStdinToDistribution(Client& client,
                                       const std::string& distribution,
                                       const std::stop_token& stop);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_UPLOAD_STDIN_H_
