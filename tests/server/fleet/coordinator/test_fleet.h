// A fleet in an etcd in memory, whose nodes do what their edges say.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_TEST_FLEET_H_
#define TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_TEST_FLEET_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/fleet/coordinator/decision.h"
#include "server/fleet/state/edge_rate.h"
#include "server/fleet/state/fleet_state.h"
#include "tests/server/fleet/memory_etcd/memory_etcd.h"

namespace tcptool::fleet {

// A content; others have another root.
v1::Content ContentWithRoot(char root);

class TestFleet {
 public:
  TestFleet() : keys_(*FleetKeys::Create("lab")) {}

  MemoryEtcd& etcd() { return etcd_; }
  const FleetKeys& keys() const { return keys_; }

  void AddNode(const std::string& name, const std::string& rack = "r",
               int64_t egress = 0);
  // "n1" to "nN".
  void AddNodes(int number);
  void KillNode(const std::string& name) { etcd_.Delete(keys_.Node(name)); }

  // Of a file of node "source", to all.
  static v1::DistributionSpec SpecToAll();
  void AddDistribution(const std::string& name,
                       const v1::DistributionSpec& spec = SpecToAll());
  void PutDelivery(const std::string& distribution, const std::string& node,
                   v1::DeliveryState state, char root = 'r');

  // From whom a node goes to whom, the oldest first.
  using Moves = std::vector<std::pair<std::string, std::string>>;
  // In the record of a node that is RECEIVING.
  void PutMoves(const std::string& distribution, const std::string& node,
                const Moves& moves, bool is_fault,
                absl::Time time = absl::Now());

  // Everything there is, as one that lists it all finds it.
  FleetState State() const;
  // The head, which has to be there.
  static v1::Head HeadOf(const FleetState& state,
                         const std::string& distribution);
  v1::Head Head(const std::string& distribution) const {
    return HeadOf(State(), distribution);
  }
  // From whom each node gets it, by the edges that are in force.
  std::map<std::string, std::string> Parents(
      const std::string& distribution) const;

  // What a node tells of its edge in force, which it has to have: for 10 s its
  // parent had something to give.
  EdgeRate Rate(const std::string& distribution, const std::string& node,
                uint64_t bytes_per_second) const;

  // Decides and writes, as a coordinator does, until nothing is left to write;
  // or until `most` transactions were written. Returns how many were.
  int Coordinate(const SlowNodes& slow = {}, absl::Time now = absl::Now(),
                 int most = 1'000'000);

 private:
  MemoryEtcd etcd_;
  const FleetKeys keys_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_TEST_FLEET_H_
