// Standard input as a session's content.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_UPLOAD_STDIN_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_UPLOAD_STDIN_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "client/api/client.h"

namespace tcptool {

// Uploads standard input to its end, as the session's recipients take it.
// Cancels the session if that fails. CANCELLED: `stop` was requested before the
// input's end.
absl::Status UploadStdin(Client& client, const std::string& session,
                         const std::stop_token& stop);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_UPLOAD_STDIN_H_
