// A large fleet in trouble, always the same one: TCPTOOL_TEST_SEED has the test
// begin with another one, TCPTOOL_SIMULATION_FLEETS has it make more.
#include <cstdint>

#include "gtest/gtest.h"
#include "tests/server/fleet/first_seed.h"
#include "tests/server/fleet/simulation/simulated_fleet.h"

namespace tcptool::fleet {
namespace {

// As many as PlanPolicy.max_hops, so that those that join meanwhile make the
// chain longer than that.
TEST(LargeSimulationTest, AThousandNodesInFiftyRacks) {
  const int fleets = FleetsOr(1);
  uint32_t seed = FirstSeed(1);
  for (int i = 0; i < fleets && !HasFailure(); ++i, ++seed) {
    Simulate({.seed = seed,
              .nodes = 1'000,
              .racks = 50,
              .deaths = 50,
              .restarts = 30,
              .partitions = 30,
              .coordinator_changes = 3,
              .source_restarts = 1,
              .slow = 10,
              .late = 30});
  }
}

}  // namespace
}  // namespace tcptool::fleet
