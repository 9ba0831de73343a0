// Small fleets in trouble, always the same ones: TCPTOOL_TEST_SEED has the test
// begin with another one, TCPTOOL_SIMULATION_FLEETS has it make more fleets; 12
// take some seconds; thousands are for a run by hand. A failure prints its seed
// and what happened: pauses that the service itself makes at random are not of
// the seed.
#include <cstdint>
#include <random>

#include "gtest/gtest.h"
#include "tests/server/fleet/first_seed.h"
#include "tests/server/fleet/simulation/simulated_fleet.h"

namespace tcptool::fleet {
namespace {

TEST(SimulationTest, AllGetItWhereNothingHappens) {
  Simulate({.seed = FirstSeed(1), .nodes = 40, .racks = 4});
}

// As many fleets as asked for, of what `options` makes for each: `upto` is a
// random number from 0 to the one that it is given.
template <typename Options>
void SimulateSome(int fleets, const Options& options) {
  uint32_t seed = FirstSeed(1);
  for (int i = 0; i < fleets && !::testing::Test::HasFailure(); ++i, ++seed) {
    std::mt19937 random(seed);
    SimulationOptions one = options([&random](int most) {
      return std::uniform_int_distribution<int>(0, most)(random);
    });
    one.seed = seed;
    Simulate(one);
  }
}

TEST(SimulationTest, ManySmallFleetsInTrouble) {
  SimulateSome(FleetsOr(12), [](const auto& upto) {
    return SimulationOptions{.nodes = 8 + upto(60),
                             .racks = 1 + upto(5),
                             .deaths = upto(6),
                             .restarts = upto(6),
                             .partitions = upto(6),
                             .coordinator_changes = upto(3),
                             .source_restarts = upto(1),
                             .slow = upto(3),
                             .late = upto(6)};
  });
}

// All of its nodes stay registered, so that nobody is told that they are gone.
TEST(SimulationTest, RacksThatAreCutOffFromEachOther) {
  SimulateSome(FleetsOr(6), [](const auto& upto) {
    return SimulationOptions{.nodes = 8 + upto(60),
                             .racks = 2 + upto(4),
                             .coordinator_changes = upto(1),
                             .late = upto(3),
                             .rack_partitions = 1 + upto(3)};
  });
}

}  // namespace
}  // namespace tcptool::fleet
