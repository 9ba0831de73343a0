// A chain of nodes, and what they tell of their edges.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_SLOW_EDGES_CHAIN_H_
#define TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_SLOW_EDGES_CHAIN_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "server/fleet/coordinator/slow_edges.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {

inline constexpr uint64_t kFast = 100'000'000;  // Bytes a second.
inline constexpr uint64_t kSlow = 10'000'000;

// Chains of a distribution "d": source, n1, n2 and so on, on a clock of the
// test's own.
class SlowEdgesTest : public ::testing::Test {
 protected:
  void Plan(int nodes) {
    fleet_.AddNode("source");
    fleet_.AddNodes(nodes);
    fleet_.AddDistribution("d");
    Coordinate();
  }
  void Coordinate() { fleet_.Coordinate(slow_); }

  std::optional<SlowNode> Tell(const EdgeRate& rate) {
    return edges_.Report(fleet_.State(), rate, now_);
  }
  std::optional<SlowNode> Tell(const std::string& node, uint64_t rate) {
    return Tell(fleet_.Rate("d", node, rate));
  }
  // That they are this fast, again in 10 s if one of them was found to be slow.
  std::string TellUntilFound(const std::string& slow, uint64_t rate,
                             int most = 3) {
    for (int i = 0; i < most; ++i) {
      now_ += std::chrono::seconds(10);
      if (const auto found = Tell(slow, rate)) return found->node;
    }
    return "";
  }
  // As the coordinator plans it.
  void PlanToTheEnd(const std::string& node) {
    slow_["d"].insert(node);
    Coordinate();
  }
  std::string ParentOf(const std::string& node) {
    return fleet_.Parents("d").at(node);
  }

  TestFleet fleet_;
  SlowNodes slow_;
  SlowEdges edges_;
  SlowEdges::Time now_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_SLOW_EDGES_CHAIN_H_
