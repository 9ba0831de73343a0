// What becomes of a stored session when the service starts again.
#ifndef TCPTOOL_SERVER_SESSIONS_RESTORE_H_
#define TCPTOOL_SERVER_SESSIONS_RESTORE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/session/session_options.h"
#include "server/api/spec.h"
#include "server/store/store.h"

namespace tcptool::server {

// Whether it can listen again: it was WAITING, and nothing of its content is
// lost; or it is immediate, and serves its file to whoever comes.
bool ListensAgain(const StoredSession& stored);

// Whether what is known of its recipients goes on with it. Otherwise it forgets
// those who had connected, as they went with their connections.
bool KeepsRecipients(const StoredSession& stored);

// Those of its recipients that were connected have FAILED, with
// SERVICE_STOPPED.
void EndConnected(StoredSession& stored);

// How it listens again, on the port that it had. INVALID_ARGUMENT: its spec is
// not allowed any more.
absl::StatusOr<dataplane::SessionOptions> OptionsToResume(
    const SpecRules& rules, const StoredSession& stored);

// The ports of sessions that do not listen any more, in the order in which they
// were used last; those of sessions that were running come at the end.
std::vector<uint16_t> PortsByLastUse(
    const std::vector<StoredSession>& sessions);

// Ends it, with those of its recipients that were connected.
void EndUnfinished(StoredSession& stored, v1::SessionState state,
                   absl::string_view error);

// The highest number that a recipient of it has had.
uint64_t LastRecipient(const StoredSession& stored);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_RESTORE_H_
