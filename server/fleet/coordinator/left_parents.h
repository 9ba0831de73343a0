// Whom the nodes of a distribution have left, by what they tell of it.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_LEFT_PARENTS_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_LEFT_PARENTS_H_

#include <map>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "server/fleet/coordinator/targets.h"
#include "server/fleet/state/fleet_state.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// Looks at Delivery.moves each time that it is asked. Not thread-safe.
class LeftParents {
 public:
  // By the node that was left: when.
  using Times = std::map<std::string, absl::Time>;

  // `members`: names of `nodes` that take part at the moment. All outlive it.
  LeftParents(const Distribution& distribution, const FleetNodes& nodes,
              const std::set<std::string>& members)
      : distribution_(distribution), nodes_(nodes), members_(members) {}

  // Which members the node has left for a fault of theirs, and has not come
  // back to since; but for those that were registered anew after it told so.
  Times By(const std::string& node) const;

  // Whether the node has come to receive from another in place of `parent`,
  // whatever the reason was, and has not come back since.
  bool IsAwayFrom(const std::string& node, const std::string& parent) const;
  // Whether it is known to receive from another. It is so also before it has
  // gone to a parent that is new to it.
  bool IsElsewhere(const std::string& node, const std::string& parent) const;

  // Whether the node has left the edge's parent for a fault, and not all of its
  // fallbacks; whether it has left all of them.
  bool IsToGoAround(const std::string& node, const v1::Edge& edge) const;
  static bool HasLeftAll(const Times& left, const v1::Edge& edge);

  // The members that one of `targets` has left for a fault within 20 s: they
  // may be dead, and be registered until their leases run out. One that has
  // left all that it may receive from is at fault itself.
  std::set<std::string> Doubtful(const std::set<std::string>& targets,
                                 absl::Time now) const;

 private:
  const Distribution& distribution_;
  const FleetNodes& nodes_;
  const std::set<std::string>& members_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_LEFT_PARENTS_H_
