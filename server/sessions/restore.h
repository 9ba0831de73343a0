// Decides what becomes of a stored session when the service starts.
#ifndef TCPTOOL_SERVER_SESSIONS_RESTORE_H_
#define TCPTOOL_SERVER_SESSIONS_RESTORE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/session/session_options.h"
#include "server/api/spec.h"
#include "server/store/store.h"

namespace tcptool::server {

// Whether it can listen again: it was WAITING, and none of its content is lost;
// or it is immediate, and can serve its file again.
bool ListensAgain(const StoredSession& stored);

// Whether the records of its recipients are kept. Otherwise those that had
// connected are forgotten, as their connections are gone.
bool KeepsRecipients(const StoredSession& stored);

// Sets its recipients that were connected to FAILED, SERVICE_STOPPED.
void EndConnected(StoredSession& stored);

// The options with which it listens again, on the same port. INVALID_ARGUMENT:
// its spec is not allowed any more.
absl::StatusOr<dataplane::SessionOptions> OptionsToResume(
    const SpecRules& rules, const StoredSession& stored);

// Where it listens, or has listened; 0: that was not stored.
uint16_t DataPort(const v1::Session& session);

// The ports that sessions have given back, of those that do not listen again,
// in the order of their last use; those of sessions that were running come
// last.
std::vector<uint16_t> PortsByLastUse(const StoredContents& contents);

// Ends it, with those of its recipients that were connected.
void EndUnfinished(StoredSession& stored, v1::SessionState state,
                   absl::string_view error);

// The highest number that any of its recipients has had.
uint64_t LastRecipient(const StoredSession& stored);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_RESTORE_H_
