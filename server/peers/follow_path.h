// Whom a content comes through, as another node says.
#ifndef TCPTOOL_SERVER_PEERS_FOLLOW_PATH_H_
#define TCPTOOL_SERVER_PEERS_FOLLOW_PATH_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Through how many nodes a content may come, one behind the other, of which the
// last is this one: it tells those that follow it the path with itself.
inline constexpr int kLongestPath = 1'024;
// Of one of them, in bytes.
inline constexpr size_t kLongestName = 64;

// Whether the reception that is known by `id` (see NodePlan) may receive from
// the node that has said this. INVALID_ARGUMENT: those that follow would refuse
// it. FAILED_PRECONDITION: the node has the content from this reception alone.
// ABORTED: it has it from one that follows this one, or through too many, and
// may have it from elsewhere later.
absl::Status CheckPath(const peer::v1::Path& path, const std::string& id);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_FOLLOW_PATH_H_
