#include "dataplane/sending/lag_tracker.h"

#include <algorithm>
#include <utility>

namespace tcptool::dataplane {

void LagTracker::Add(uint64_t id, uint64_t position) {
  by_id_[id] = positions_.insert(position);
  fastest_ = std::max(fastest_, position);
}

void LagTracker::Move(uint64_t id, uint64_t position) {
  Positions::iterator& at = by_id_.at(id);
  auto node = positions_.extract(at);
  node.value() = position;
  at = positions_.insert(std::move(node));
  fastest_ = std::max(fastest_, position);
}

void LagTracker::Remove(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  positions_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace tcptool::dataplane
