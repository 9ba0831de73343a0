#include "tests/server/fleet/simulation/simulated_clock.h"

#include <asio/steady_timer.hpp>
#include <system_error>

namespace tcptool::fleet {
namespace {

// Not 0, which some take for "never".
std::chrono::steady_clock::duration elapsed = std::chrono::hours(1);

}  // namespace

void AdvanceClock(std::chrono::steady_clock::duration time) { elapsed += time; }

absl::Time SimulatedNow() {
  return absl::FromUnixSeconds(1'700'000'000) + absl::FromChrono(elapsed);
}

void RunReady(asio::io_context& io) {
  // asio waits for its timers by a timerfd, which goes by the kernel's clock.
  // One that is due before all others has it look at all of them.
  bool has_looked = false;
  asio::steady_timer look(io, std::chrono::steady_clock::time_point::min());
  look.async_wait([&has_looked](std::error_code) { has_looked = true; });
  io.restart();
  while (io.poll() > 0 || !has_looked) {
  }
}

}  // namespace tcptool::fleet

// In place of libstdc++'s, for this program and the libraries that it loads: a
// symbol of the program comes before those of shared libraries (ld.so(8)).
std::chrono::steady_clock::time_point
std::chrono::_V2::steady_clock::now() noexcept {
  return time_point(tcptool::fleet::elapsed);
}
