#include "server/fleet/coordinator/targets.h"

#include <algorithm>

#include "server/fleet/state/values.h"

namespace tcptool::fleet {
namespace {

bool IsDescribed(const v1::Targets& targets, const v1::Node& node) {
  if (targets.all() || std::find(targets.racks().begin(), targets.racks().end(),
                                 node.rack()) != targets.racks().end()) {
    return true;
  }
  return targets.labels_size() > 0 &&
         std::all_of(targets.labels().begin(), targets.labels().end(),
                     [&node](const auto& label) {
                       const auto found = node.labels().find(label.first);
                       return found != node.labels().end() &&
                              found->second == label.second;
                     });
}

bool IsDelivered(const v1::Delivery& delivery) {
  return delivery.state() == v1::DELIVERY_STATE_DELIVERED;
}

}  // namespace

std::set<std::string> TargetsOf(const Distribution& distribution,
                                const FleetNodes& nodes) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  std::set<std::string> targets(spec.targets().nodes().begin(),
                                spec.targets().nodes().end());
  for (const auto& [name, node] : nodes) {
    if (IsDescribed(spec.targets(), node.value)) targets.insert(name);
  }
  for (const auto& [name, edge] : distribution.edges) targets.insert(name);
  for (const auto& [name, delivery] : distribution.deliveries) {
    targets.insert(name);
  }
  // An upload is a delivery at the node that it is sent to.
  if (spec.has_upload()) {
    targets.insert(spec.source_node());
  } else {
    targets.erase(spec.source_node());
  }
  return targets;
}

bool HasSourceContent(const Distribution& distribution) {
  if (!distribution.spec->value.has_upload()) return true;
  const auto source =
      distribution.deliveries.find(distribution.spec->value.source_node());
  if (source == distribution.deliveries.end()) return false;
  const v1::Delivery& delivery = source->second.value;
  return HasSomething(delivery.state()) ||
         (IsDelivered(delivery) && delivery.not_given().empty());
}

bool IsSource(const Distribution& distribution, const std::string& node,
              const v1::Content* content) {
  return node == distribution.spec->value.source_node() &&
         (content == nullptr || HasSourceContent(distribution));
}

const v1::Content* ContentOf(const Distribution& distribution) {
  if (distribution.head && distribution.head->value.has_content()) {
    return &distribution.head->value.content();
  }
  const auto& deliveries = distribution.deliveries;
  const auto source = deliveries.find(distribution.spec->value.source_node());
  if (source != deliveries.end() && IsDelivered(source->second.value)) {
    return &source->second.value.content();
  }
  const Stored<v1::Delivery>* first = nullptr;
  for (const auto& [name, delivery] : deliveries) {
    if (IsDelivered(delivery.value) &&
        (first == nullptr || delivery.mod_revision < first->mod_revision)) {
      first = &delivery;
    }
  }
  return first == nullptr ? nullptr : &first->value.content();
}

Progress ProgressOf(const Distribution& distribution, const std::string& node,
                    const v1::Content* content) {
  const auto found = distribution.deliveries.find(node);
  if (found == distribution.deliveries.end()) return Progress::kOpen;
  const v1::Delivery& delivery = found->second.value;
  if (delivery.state() < v1::DELIVERY_STATE_DELIVERED) return Progress::kOpen;
  const bool has_it = IsDelivered(delivery) && content != nullptr &&
                      delivery.content().root() == content->root() &&
                      delivery.content().length() == content->length();
  return has_it ? Progress::kDelivered : Progress::kFailed;
}

}  // namespace tcptool::fleet
