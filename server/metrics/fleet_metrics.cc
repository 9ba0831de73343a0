#include "server/metrics/fleet_metrics.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "messages/distribution_states.h"
#include "server/metrics/metric_family.h"
#include "tcptool/fleet/v1/fleet.pb.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool::server {
namespace {

using fleet::FleetMeasures;
using prometheus::MetricFamily;

// By EtcdCall.
constexpr const char* kCalls[fleet::kEtcdCalls] = {"read", "transaction",
                                                   "lease", "watch"};
// By EtcdFailure.
constexpr const char* kReasons[fleet::kEtcdFailures] = {
    "UNAVAILABLE",       "UNKNOWN",         "RESOURCE_EXHAUSTED",
    "PERMISSION_DENIED", "UNAUTHENTICATED", "OTHER"};

// As the API has it: the node's own states have the same names.
std::string NameOf(fleet::v1::DeliveryState state) {
  absl::string_view name = fleet::v1::DeliveryState_Name(state);
  absl::ConsumePrefix(&name, "DELIVERY_STATE_");
  return std::string(name);
}

MetricFamily OneGauge(std::string name, std::string help, double value) {
  MetricFamily family = Gauge(std::move(name), std::move(help));
  Add(family, value);
  return family;
}

MetricFamily OneCounter(std::string name, std::string help, double value) {
  MetricFamily family = Counter(std::move(name), std::move(help));
  Add(family, value);
  return family;
}

// State 0 is UNSPECIFIED.
template <typename State, typename Counts>
MetricFamily ByState(MetricFamily family, const Counts& counts) {
  for (size_t i = 1; i < counts.size(); ++i) {
    Add(family, static_cast<double>(counts[i]),
        {{.name = "state", .value = StateName(static_cast<State>(i))}});
  }
  return family;
}

void AddNode(const FleetMeasures& measures, std::vector<MetricFamily>& out) {
  out.push_back(OneGauge("tcptool_node_registered",
                         "1: the node is registered in its fleet.",
                         measures.is_registered ? 1 : 0));
  out.push_back(OneGauge("tcptool_node_coordinator",
                         "1: the node plans the fleet's distributions.",
                         measures.is_coordinator ? 1 : 0));
  out.push_back(OneCounter(
      "tcptool_coordinator_changes_total",
      "How often another coordinator, or the same one anew, was seen.",
      static_cast<double>(measures.coordinator_changes)));
  out.push_back(
      OneCounter("tcptool_slow_nodes_total",
                 "Nodes that this one has found to be slow, as coordinator.",
                 static_cast<double>(measures.slow_nodes)));
  out.push_back(
      Counter("tcptool_parent_moves_total",
              "Receptions that came to another node than they had, or were to "
              "have: for that one's fault, or by the plan."));
  Add(out.back(), static_cast<double>(measures.moves_by_fault),
      {{.name = "cause", .value = "fault"}});
  Add(out.back(), static_cast<double>(measures.moves_by_plan),
      {{.name = "cause", .value = "plan"}});
}

void AddDeliveries(const fleet::DeliveryCounts& deliveries,
                   std::vector<MetricFamily>& out) {
  MetricFamily held = Gauge("tcptool_node_deliveries",
                            "Deliveries to this node that it has begun, of the "
                            "distributions that are there.");
  MetricFamily ended = Counter(
      "tcptool_node_deliveries_ended_total",
      "Deliveries to this node that ended, by the state they ended in.");
  for (int i = 1; i < fleet::v1::DeliveryState_ARRAYSIZE; ++i) {
    const auto state = static_cast<fleet::v1::DeliveryState>(i);
    const MetricLabels labels = {{.name = "state", .value = NameOf(state)}};
    Add(held, static_cast<double>(deliveries.held[i]), labels);
    if (state < fleet::v1::DELIVERY_STATE_DELIVERED) continue;
    Add(ended, static_cast<double>(deliveries.ended[i]), labels);
  }
  out.push_back(std::move(held));
  out.push_back(std::move(ended));
}

void AddEtcd(const FleetMeasures& measures, std::vector<MetricFamily>& out) {
  out.push_back(OneGauge("tcptool_etcd_reachable",
                         "1: etcd has answered the last call that ended.",
                         measures.is_etcd_reachable ? 1 : 0));
  out.push_back(
      OneGauge("tcptool_etcd_silence_seconds",
               "Since etcd's last answer or, without one, since the start.",
               std::chrono::duration<double>(measures.etcd_silence).count()));
  out.push_back(Counter("tcptool_etcd_failures_total",
                        "Calls of etcd's that failed, and ends of watches."));
  for (size_t call = 0; call < fleet::kEtcdCalls; ++call) {
    for (size_t reason = 0; reason < fleet::kEtcdFailures; ++reason) {
      Add(out.back(), static_cast<double>(measures.etcd_failures[call][reason]),
          {{.name = "call", .value = kCalls[call]},
           {.name = "reason", .value = kReasons[reason]}});
    }
  }
}

// Of one node alone, so that sums over all nodes count nothing twice.
void AddTotals(const FleetMeasures& measures, const fleet::FleetTotals& totals,
               std::vector<MetricFamily>& out) {
  out.push_back(OneGauge("tcptool_fleet_nodes",
                         "Nodes that are registered; of the coordinator alone.",
                         static_cast<double>(measures.nodes)));
  out.push_back(ByState<v1::DistributionState>(
      Gauge("tcptool_fleet_distributions",
            "Distributions of the fleet, the finished ones included; of the "
            "coordinator alone."),
      totals.distributions));
  out.push_back(ByState<v1::DeliveryState>(
      Gauge("tcptool_fleet_deliveries",
            "Deliveries to all targets of these; of the coordinator alone."),
      totals.deliveries));
}

}  // namespace

std::vector<MetricFamily> FleetMetrics::Collect() const {
  const FleetMeasures measures = measure_();
  std::vector<MetricFamily> families;
  AddNode(measures, families);
  AddDeliveries(measures.deliveries, families);
  AddEtcd(measures, families);
  if (measures.totals) AddTotals(measures, *measures.totals, families);
  return families;
}

}  // namespace tcptool::server
