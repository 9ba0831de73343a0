#include "server/peers/rate_meter.h"

#include <utility>

namespace tcptool::server {
namespace {

// What is on its way from the node comes within this time, where its link has
// no more in it than a link should.
constexpr auto kShortest = std::chrono::milliseconds(200);
// A message is sent each 250 ms. On a slow link it waits behind the content,
// and comes late, or more than once if it is lost; the link is busy all the
// same. Where none has come for longer than this, after which ParentLink leaves
// the node, one of the two has stood still, which says nothing of the link.
// (Who stands still for less is not found to be slow for that alone: SlowEdges
// wants more, and that it does not catch up.)
constexpr auto kLongest = std::chrono::seconds(5);

}  // namespace

std::optional<RateMeter::Rate> RateMeter::Heard(uint64_t watermark,
                                                uint64_t position,
                                                Clock::time_point now) {
  if (start_ && now - start_->time < kShortest) return std::nullopt;
  const std::optional<Start> start = std::exchange(
      start_, Start{.watermark = watermark, .position = position, .time = now});
  // Less has come if some of it comes again.
  if (!start || now - start->time > kLongest || position < start->position) {
    return std::nullopt;
  }
  Rate rate = {.observed = now - start->time,
               .observed_bytes = position - start->position};
  if (position < start->watermark) {
    rate.busy = rate.observed;
    rate.bytes = rate.observed_bytes;
  }
  return rate;
}

}  // namespace tcptool::server
