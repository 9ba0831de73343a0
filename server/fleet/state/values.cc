#include "server/fleet/state/values.h"

#include <algorithm>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/fleet/state/fleet_keys.h"
#include "text/host_port.h"

namespace tcptool::fleet {
namespace {

constexpr size_t kRootSize = 32;  // SHA-256.
constexpr size_t kMaxHostBytes = 253;
constexpr int kNanosPerSecond = 1'000'000'000;

bool IsAddress(const std::string& text) {
  const auto address = ParseHostPort(text);
  return address && address->port != 0 && address->host.size() <= kMaxHostBytes;
}

// JSON has no form for others, and clients read that.
bool IsValid(const google::protobuf::Timestamp& time) {
  constexpr int64_t kYear1 = -62'135'596'800;
  constexpr int64_t kYear10000 = 253'402'300'800;
  return time.seconds() >= kYear1 && time.seconds() < kYear10000 &&
         time.nanos() >= 0 && time.nanos() < kNanosPerSecond;
}

// Of what is not negative.
bool IsValid(const google::protobuf::Duration& duration) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;
  return duration.seconds() >= 0 && duration.seconds() <= kMaxSeconds &&
         duration.nanos() >= 0 && duration.nanos() < kNanosPerSecond;
}

bool IsValid(const v1::Content& content) {
  return content.length() >= 0 && content.root().size() == kRootSize;
}

bool IsValid(const v1::Targets& targets) {
  return (targets.all() || targets.nodes_size() > 0 ||
          targets.racks_size() > 0 || targets.labels_size() > 0) &&
         std::all_of(targets.nodes().begin(), targets.nodes().end(),
                     [](const std::string& node) { return IsFleetName(node); });
}

bool IsValid(const v1::Edge& edge) {
  return edge.epoch() >= 1 && IsFleetName(edge.parent()) &&
         edge.cap_bytes_per_second() >= 0;
}

}  // namespace

bool ParseValue(const std::string& value, v1::Node& node) {
  return node.ParseFromString(value) && IsAddress(node.peer_address()) &&
         node.egress_bytes_per_second() >= 0;
}

bool ParseValue(const std::string& value, v1::Coordinator& coordinator) {
  return coordinator.ParseFromString(value) && IsFleetName(coordinator.node());
}

bool ParseValue(const std::string& value, v1::DistributionSpec& spec) {
  return spec.ParseFromString(value) && IsFleetName(spec.source_node()) &&
         spec.source_case() != v1::DistributionSpec::SOURCE_NOT_SET &&
         spec.upload().expected_length() >= 0 && IsValid(spec.targets()) &&
         spec.node_bytes_per_second() >= 0 &&
         spec.source_bytes_per_second() >= 0 && IsValid(spec.create_time()) &&
         IsValid(spec.expire_time()) && IsValid(spec.expire_after());
}

bool ParseValue(const std::string& value, v1::Head& head) {
  return head.ParseFromString(value) && head.epoch() >= 0 &&
         head.state() != v1::DISTRIBUTION_STATE_UNSPECIFIED &&
         IsValid(head.end_time()) &&
         (!head.has_content() || IsValid(head.content()));
}

bool ParseValue(const std::string& value, v1::EdgeRecord& record) {
  return record.ParseFromString(value) && record.has_edge() &&
         IsValid(record.edge()) &&
         (!record.has_previous() || IsValid(record.previous()));
}

bool ParseValue(const std::string& value, v1::Delivery& delivery) {
  if (!delivery.ParseFromString(value)) return false;
  if (delivery.has_content() && !IsValid(delivery.content())) return false;
  return IsValid(delivery.end_time()) &&
         std::ranges::all_of(
             delivery.moves(),
             [](const v1::ParentMove& move) { return IsValid(move.time()); }) &&
         delivery.state() != v1::DELIVERY_STATE_UNSPECIFIED &&
         (delivery.state() != v1::DELIVERY_STATE_DELIVERED ||
          delivery.has_content());
}

bool IsFinal(v1::DistributionState state) {
  return state >= v1::DISTRIBUTION_STATE_SUCCEEDED;
}

bool HasSomething(v1::DeliveryState state) {
  return state == v1::DELIVERY_STATE_RECEIVING ||
         state == v1::DELIVERY_STATE_VERIFYING;
}

}  // namespace tcptool::fleet
