// The seed of a test with random fleets.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_FIRST_SEED_H_
#define TCPTOOL_TESTS_SERVER_FLEET_FIRST_SEED_H_

#include <cstdint>
#include <cstdlib>
#include <random>

namespace tcptool::fleet {

// TCPTOOL_TEST_SEED, with which a failure that has printed its seed is
// repeated; else `otherwise`, by default another one each time.
inline uint32_t FirstSeed(uint32_t otherwise = std::random_device()()) {
  const char* const given = std::getenv("TCPTOOL_TEST_SEED");
  return given == nullptr ? otherwise
                          : static_cast<uint32_t>(std::atoll(given));
}

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_FIRST_SEED_H_
