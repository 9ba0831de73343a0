// A large fleet in trouble, always the same one: TCPTOOL_TEST_SEED has the test
// make another.
#include "gtest/gtest.h"
#include "tests/server/fleet/first_seed.h"
#include "tests/server/fleet/simulation/simulated_fleet.h"

namespace tcptool::fleet {
namespace {

// With those that join meanwhile: a chain of more than PlanPolicy.max_hops is
// planned anew as a whole, by which nearly all move.
TEST(LargeSimulationTest, AThousandNodesInFiftyRacks) {
  Simulate({.seed = FirstSeed(1),
            .nodes = 970,
            .racks = 50,
            .deaths = 50,
            .restarts = 30,
            .partitions = 30,
            .coordinator_changes = 3,
            .source_restarts = 1,
            .slow = 10,
            .late = 30});
}

}  // namespace
}  // namespace tcptool::fleet
