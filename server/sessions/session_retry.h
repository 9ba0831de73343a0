// What a session is that tries again for those whom another has not reached.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_RETRY_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_RETRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/watch/session_table.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// The spec of the session that RetrySession makes for the session `name`.
// Errors are those of RetrySession. Any thread.
absl::StatusOr<v1::SessionSpec> SpecOfRetry(const SessionTable& table,
                                            const std::string& name);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_RETRY_H_
