#include "dataplane/sending/pace.h"

#include <algorithm>

namespace tcptool::dataplane {

Pace::Pace(size_t lanes, std::optional<uint64_t> length)
    : lead_(std::max(kLeastLead, length.value_or(0) / kLeadPart)),
      slots_(lanes) {}

// Relaxed: whoever sees one value and not yet the other pauses once too often,
// or once too little.
void Pace::Set(size_t lane, uint64_t position, Clock::time_point lacks_until) {
  Slot& slot = slots_[lane];
  slot.position.store(position, std::memory_order_relaxed);
  slot.lacks_until.store(lacks_until.time_since_epoch().count(),
                         std::memory_order_relaxed);
}

bool Pace::IsAhead(uint64_t position, Clock::time_point now) const {
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    const uint64_t other = slot.position.load(std::memory_order_relaxed);
    if (position <= other) return false;
    const uint64_t lead = position - other;
    return lead > lead_ && lead <= 2 * lead_ &&
           now.time_since_epoch().count() <
               slot.lacks_until.load(std::memory_order_relaxed);
  });
}

}  // namespace tcptool::dataplane
