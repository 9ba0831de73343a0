// Small fleets in trouble, always the same ones: TCPTOOL_TEST_SEED has the test
// begin with another one, TCPTOOL_SIMULATION_FLEETS has it make more fleets; 12
// take some seconds; thousands are for a run by hand. A failure prints its seed
// and what happened: pauses that the service itself makes at random are not of
// the seed.
#include <cstdint>
#include <cstdlib>
#include <random>

#include "gtest/gtest.h"
#include "tests/server/fleet/first_seed.h"
#include "tests/server/fleet/simulation/simulated_fleet.h"

namespace tcptool::fleet {
namespace {

TEST(SimulationTest, AllGetItWhereNothingHappens) {
  Simulate({.seed = FirstSeed(1), .nodes = 40, .racks = 4});
}

TEST(SimulationTest, ManySmallFleetsInTrouble) {
  const char* const fleets = std::getenv("TCPTOOL_SIMULATION_FLEETS");
  const int number = fleets == nullptr ? 12 : std::atoi(fleets);
  uint32_t seed = FirstSeed(1);
  for (int i = 0; i < number && !HasFailure(); ++i, ++seed) {
    std::mt19937 random(seed);
    const auto upto = [&random](int most) {
      return std::uniform_int_distribution<int>(0, most)(random);
    };
    Simulate({.seed = seed,
              .nodes = 8 + upto(60),
              .racks = 1 + upto(5),
              .deaths = upto(6),
              .restarts = upto(6),
              .partitions = upto(6),
              .coordinator_changes = upto(3),
              .source_restarts = upto(1),
              .slow = upto(3),
              .late = upto(6)});
  }
}

}  // namespace
}  // namespace tcptool::fleet
