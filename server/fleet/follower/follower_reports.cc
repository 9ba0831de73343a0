// What a follower says of how fast and how far its contents come.
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "server/fleet/follower/follower.h"

namespace tcptool::fleet {

EdgeRates Follower::TakeRates() {
  EdgeRates rates;
  // Behind the last of those that were returned before: all have their turn,
  // where they are too many.
  auto next = deliveries_.upper_bound(last_taken_);
  for (size_t left = deliveries_.size();
       left > 0 && rates.size() < kMostEdgeRates; --left, ++next) {
    if (next == deliveries_.end()) next = deliveries_.begin();
    const auto& [id, delivery] = *next;
    if (!delivery.is_begun) continue;
    const std::optional<ReceivedRate> rate = port_->TakeRate(id);
    if (!rate) continue;
    rates.push_back({.distribution = id.distribution,
                     .node = options_.node,
                     .parent = rate->parent,
                     .epoch = delivery.epoch,
                     .busy = rate->busy,
                     .bytes = rate->bytes,
                     .observed = rate->observed,
                     .observed_bytes = rate->observed_bytes,
                     .allowed = rate->allowed});
    last_taken_ = id;
  }
  return rates;
}

std::vector<NodeProgress> Follower::Progress() const {
  std::vector<NodeProgress> all;
  for (const auto& [id, delivery] : deliveries_) {
    if (all.size() == kMostProgressTold) break;
    if (auto progress = ProgressOf(id, delivery)) {
      all.push_back(*std::move(progress));
    }
  }
  return all;
}

std::optional<NodeProgress> Follower::ProgressOf(const DeliveryId& id) const {
  const auto delivery = deliveries_.find(id);
  if (delivery == deliveries_.end()) return std::nullopt;
  return ProgressOf(id, delivery->second);
}

std::optional<NodeProgress> Follower::ProgressOf(
    const DeliveryId& id, const Delivery& delivery) const {
  if (delivery.is_source || !delivery.is_begun ||
      delivery.record->state() >= v1::DELIVERY_STATE_DELIVERED) {
    return std::nullopt;
  }
  const std::optional<ReceivedBytes> bytes = port_->Received(id);
  if (!bytes) return std::nullopt;
  return NodeProgress{.distribution = id.distribution,
                      .revision = id.revision,
                      .node = options_.node,
                      .bytes_received = bytes->received,
                      .bytes_per_second = bytes->per_second};
}

}  // namespace tcptool::fleet
