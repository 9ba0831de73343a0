#include "server/fleet/service/fleet_messages.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "messages/distribution_states.h"
#include "messages/distribution_texts.h"
#include "messages/time.h"
#include "server/fleet/service/distribution_spec.h"

namespace tcptool::fleet {
namespace {

constexpr absl::string_view kDistributions = "distributions/";

// EXPECTED without a record, and FAILED where the node has another content.
api::DeliveryState DeliveryStateOf(const Distribution& distribution,
                                   const std::string& node,
                                   const v1::Content* content) {
  const auto found = distribution.deliveries.find(node);
  if (found == distribution.deliveries.end()) {
    return api::DELIVERY_STATE_EXPECTED;
  }
  const v1::DeliveryState state = found->second.value.state();
  if (state == v1::DELIVERY_STATE_DELIVERED &&
      ProgressOf(distribution, node, content) == Progress::kFailed) {
    return api::DELIVERY_STATE_FAILED;
  }
  // Those of the API have EXPECTED in front of them.
  return static_cast<api::DeliveryState>(state + 1);
}

template <typename Message>
void SetContent(const v1::Content& content, Message& message) {
  message.set_content_length(content.length());
  message.set_content_root(absl::BytesToHexString(content.root()));
}

void SetServing(const v1::Serving& serving, api::DistributionServing& message) {
  message.set_session(serving.session());
  message.set_endpoint(serving.endpoint());
  message.set_error(serving.error());
  message.set_connected(serving.connected());
  message.set_delivered(serving.delivered());
  message.set_failed(serving.failed());
}

}  // namespace

std::string DistributionName(absl::string_view distribution) {
  return absl::StrCat(kDistributions, distribution);
}

std::string DeliveryName(absl::string_view distribution,
                         absl::string_view node) {
  return absl::StrCat(DistributionName(distribution), "/deliveries/", node);
}

std::string DistributionId(absl::string_view name) {
  return std::string(absl::StripPrefix(name, kDistributions));
}

api::DistributionState StateOf(const Distribution& distribution) {
  if (!distribution.head) return api::DISTRIBUTION_STATE_PLANNING;
  // The numbers are the same.
  return static_cast<api::DistributionState>(distribution.head->value.state());
}

std::string EtagOf(const Distribution& distribution) {
  return absl::StrCat("\"", distribution.spec->create_revision, ".",
                      StateOf(distribution), "\"");
}

std::set<std::string> ListedTargets(const Distribution& distribution,
                                    const FleetNodes& nodes) {
  const bool is_final = ::tcptool::IsFinal(StateOf(distribution));
  return TargetsOf(distribution, is_final ? FleetNodes() : nodes);
}

api::Distribution ToMessage(const std::string& id,
                            const Distribution& distribution,
                            const FleetNodes& nodes) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  api::Distribution message;
  message.set_name(DistributionName(id));
  *message.mutable_spec() = ToMessage(spec);
  message.set_state(StateOf(distribution));
  if (distribution.head) {
    const v1::Head& head = distribution.head->value;
    message.set_detail(head.detail());
    message.set_epoch(head.epoch());
    if (head.has_end_time()) *message.mutable_end_time() = head.end_time();
  }
  const v1::Content* const content = ContentOf(distribution);
  for (const std::string& node : ListedTargets(distribution, nodes)) {
    ::tcptool::Count(DeliveryStateOf(distribution, node, content),
                     *message.mutable_counts());
  }
  if (content != nullptr) SetContent(*content, message);
  const auto source = distribution.deliveries.find(spec.source_node());
  if (source != distribution.deliveries.end() &&
      source->second.value.has_serving()) {
    SetServing(source->second.value.serving(),
               *message.mutable_source_serving());
  }
  *message.mutable_create_time() = spec.create_time();
  if (spec.has_expire_time()) {
    *message.mutable_expire_time() = spec.expire_time();
  }
  message.set_uid(spec.uid());
  message.set_creator(spec.creator());
  message.set_etag(EtagOf(distribution));
  return message;
}

api::Delivery ToDelivery(const std::string& id,
                         const Distribution& distribution,
                         const std::string& node, const v1::Content* content) {
  api::Delivery message;
  message.set_name(DeliveryName(id, node));
  message.set_node(node);
  message.set_state(DeliveryStateOf(distribution, node, content));
  if (const v1::Edge* const edge = EdgeInForce(distribution, node)) {
    message.set_parent(edge->parent());
    *message.mutable_fallbacks() = edge->fallbacks();
    message.set_epoch(edge->epoch());
    // The numbers are the same.
    message.set_standing(static_cast<api::DeliveryStanding>(edge->standing()));
  }
  const auto found = distribution.deliveries.find(node);
  if (found == distribution.deliveries.end()) return message;
  const v1::Delivery& delivery = found->second.value;
  message.set_detail(delivery.detail());
  for (api::ParentMove& move : MovesOf(distribution, node)) {
    *message.add_moves() = std::move(move);
  }
  if (delivery.has_end_time()) {
    *message.mutable_end_time() = delivery.end_time();
  }
  if (delivery.has_serving()) {
    SetServing(delivery.serving(), *message.mutable_serving());
  }
  if (delivery.state() != v1::DELIVERY_STATE_DELIVERED) return message;
  if (message.state() == api::DELIVERY_STATE_DELIVERED) {
    SetContent(delivery.content(), message);
    message.set_detail(delivery.not_given());
  } else {
    message.set_detail(
        absl::StrCat("it has another content, whose root is ",
                     absl::BytesToHexString(delivery.content().root())));
  }
  return message;
}

std::vector<api::ParentMove> MovesOf(const Distribution& distribution,
                                     const std::string& node) {
  std::vector<api::ParentMove> moves;
  const auto found = distribution.deliveries.find(node);
  if (found == distribution.deliveries.end()) return moves;
  for (const v1::ParentMove& move : found->second.value.moves()) {
    api::ParentMove& shown = moves.emplace_back();
    shown.set_from_node(move.from());
    shown.set_to_node(move.to());
    shown.set_reason(move.reason());
    shown.set_offset(move.offset());
    *shown.mutable_move_time() = move.time();
  }
  return moves;
}

void SetProgress(const ProgressByNode& known, api::Delivery& delivery) {
  if (::tcptool::IsFinal(delivery.state())) return;
  const auto progress = known.find(delivery.node());
  if (progress == known.end()) return;
  delivery.set_bytes_received(progress->second.bytes_received);
  delivery.set_bytes_per_second(progress->second.bytes_per_second);
  *delivery.mutable_progress_time() = ToTimestamp(progress->second.time);
}

api::FleetNode ToNode(const std::string& name, const FleetState& state) {
  const Stored<v1::Node>& node = state.nodes().at(name);
  api::FleetNode message;
  message.set_name(absl::StrCat("nodes/", name));
  message.set_node(name);
  message.set_rack(node.value.rack());
  message.set_peer_address(node.value.peer_address());
  *message.mutable_labels() = node.value.labels();
  message.set_egress_bytes_per_second(node.value.egress_bytes_per_second());
  message.set_version(node.value.version());
  message.set_coordinator(state.coordinator() &&
                          state.coordinator()->value.node() == name);
  message.set_incarnation(node.create_revision);
  return message;
}

}  // namespace tcptool::fleet
