// The clock of all timers and time-outs of this program, which stands still
// until it is told to go on.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_CLOCK_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_CLOCK_H_

#include <asio/io_context.hpp>
#include <chrono>

#include "absl/time/time.h"

namespace tcptool::fleet {

// A program that is linked with this has another std::chrono::steady_clock: its
// now() is what AdvanceClock() has made it. Of one thread.
void AdvanceClock(std::chrono::steady_clock::duration time);

// The clock of the day, which goes with it.
absl::Time SimulatedNow();

// Runs what is ready, timers that have expired included, until nothing is.
void RunReady(asio::io_context& io);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_CLOCK_H_
