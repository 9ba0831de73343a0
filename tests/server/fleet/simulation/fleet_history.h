// What has become of the edges of a distribution, by what etcd was told.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_FLEET_HISTORY_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_FLEET_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

// Fails the test if an epoch gets lower.
class FleetHistory {
 public:
  // Once for each revision, at most. Returns the nodes that had a parent and
  // have another one now, for people.
  std::vector<std::string> Look(const Distribution& distribution);

  // How many it has returned.
  size_t moves() const { return moves_; }
  int64_t epoch() const { return head_epoch_; }

 private:
  struct Seen {
    int64_t epoch = 0;
    std::string parent;
  };
  int64_t head_epoch_ = 0;
  std::map<std::string, Seen> in_force_;  // By the node.
  size_t moves_ = 0;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_FLEET_HISTORY_H_
