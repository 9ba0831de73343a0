#include "client/tcptool/dial.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "client/tcptool/happy_eyeballs.h"
#include "client/tcptool/resolver.h"

namespace tcptool::client {
namespace {

using dataplane::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRetryInterval{100};

// The longest time of one round of attempts while waiting for a sender: an
// address that does not answer must not delay the next attempts at the others,
// nor a new look-up of the name.
constexpr std::chrono::seconds kRound{2};

absl::StatusOr<UniqueFd> DialOnce(const std::string& host,
                                  const std::string& port,
                                  Clock::time_point deadline,
                                  Clock::duration round) {
  const auto endpoints = Resolve(host, port, deadline);
  if (absl::IsDeadlineExceeded(endpoints.status())) {
    return absl::NotFoundError(endpoints.status().message());
  }
  if (!endpoints.ok()) return endpoints.status();
  const Clock::time_point now = Clock::now();
  return ConnectToFirst(InterleaveFamilies(*endpoints),
                        deadline - now > round ? now + round : deadline);
}

}  // namespace

absl::StatusOr<UniqueFd> Dial(const std::string& host, const std::string& port,
                              absl::Duration wait) {
  if (wait == absl::ZeroDuration()) {
    return DialOnce(host, port, Clock::time_point::max(),
                    Clock::duration::max());
  }
  const Clock::time_point began = Clock::now();
  const Clock::duration longest = Clock::time_point::max() - began;
  const Clock::time_point deadline =
      began + std::min(absl::ToChronoNanoseconds(wait), longest);
  absl::Status reason;
  for (;;) {
    absl::StatusOr<UniqueFd> socket = DialOnce(host, port, deadline, kRound);
    if (socket.ok()) return socket;
    const Clock::duration left = deadline - Clock::now();
    // That a round had no time, as the last one may, says nothing of the
    // sender.
    if (left > Clock::duration::zero() || reason.ok()) reason = socket.status();
    if (left < kRetryInterval) return reason;
    std::this_thread::sleep_for(kRetryInterval);
  }
}

}  // namespace tcptool::client
