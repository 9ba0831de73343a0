// `tcptoolctl watch` of a session.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_SESSION_WATCH_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_SESSION_WATCH_H_

#include <string>

#include "absl/status/status.h"
#include "client/api/client.h"
#include "client/tcptoolctl/commands.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool {

// An error unless the session, which is final, has SUCCEEDED.
absl::Status ResultOf(const v1::Session& session);

// Until the session is final, then as ResultOf() has it; or, if that is OK,
// whether the commands of Options::exec are. They have ended then.
absl::Status WatchToEnd(Client& client, const std::string& name,
                        const Options& options);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_SESSION_WATCH_H_
