// Who is to get a distribution, and how far each is.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_TARGETS_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_TARGETS_H_

#include <map>
#include <set>
#include <string>

#include "server/fleet/state/fleet_state.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// Nodes that are registered, by their names.
using FleetNodes = std::map<std::string, Stored<v1::Node>>;

// The names of all targets of a distribution that has a spec: those that
// Targets names, those that it describes and that are there, and those that
// have had an edge or a delivery in it, wherever they are. The node of a
// FileSource is none; that of an UploadSource is one, whatever Targets says.
std::set<std::string> TargetsOf(const Distribution& distribution,
                                const FleetNodes& nodes);

// Whether others can get something of it from the source node when that is
// there: of an upload, once something has come.
bool HasSourceContent(const Distribution& distribution);

// Whether the node is the one that others get the content from at first, and
// gets it from none of them. One that has lost its upload when another node has
// the whole is a target as all others are. `content`: of ContentOf().
bool IsSource(const Distribution& distribution, const std::string& node,
              const v1::Content* content);

// What the content is: what the head says, or else what the source node has
// found it to be, or else the node that was the first to have it. Null: nobody
// knows yet.
const v1::Content* ContentOf(const Distribution& distribution);

enum class Progress {
  kOpen,
  kDelivered,  // Has the whole of `content`.
  // Has failed, or was cancelled, or has another content.
  kFailed,
};
// `content`: of ContentOf().
Progress ProgressOf(const Distribution& distribution, const std::string& node,
                    const v1::Content* content);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_TARGETS_H_
