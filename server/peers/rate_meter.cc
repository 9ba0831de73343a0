#include "server/peers/rate_meter.h"

#include <utility>

namespace tcptool::server {
namespace {

// What is on its way from the node comes within this time, where its link has
// no more in it than a link should.
constexpr auto kShortest = std::chrono::milliseconds(200);
// A message comes each 250 ms. Where none has for so long, one of the nodes has
// stood still, which says nothing of the link.
constexpr auto kLongest = std::chrono::seconds(2);

}  // namespace

std::optional<RateMeter::Rate> RateMeter::Heard(uint64_t watermark,
                                                uint64_t position,
                                                Clock::time_point now) {
  if (start_ && now - start_->time < kShortest) return std::nullopt;
  const std::optional<Start> start = std::exchange(
      start_, Start{.watermark = watermark, .position = position, .time = now});
  // Less has come if some of it comes again.
  if (!start || now - start->time > kLongest || position < start->position ||
      position >= start->watermark) {
    return std::nullopt;
  }
  return Rate{.busy = now - start->time, .bytes = position - start->position};
}

}  // namespace tcptool::server
