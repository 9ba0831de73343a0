#include "server/metrics/fleet_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>

#include <chrono>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

using fleet::FleetMeasures;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

// Every value by its name and its labels' values: "name READ UNKNOWN".
std::map<std::string, double> Samples(const FleetMeasures& measures) {
  std::map<std::string, double> samples;
  const FleetMetrics metrics([&] { return measures; });
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string name = family.name;
      for (const auto& label : metric.label) {
        absl::StrAppend(&name, " ", label.value);
      }
      const bool is_new =
          samples
              .emplace(name, family.type == prometheus::MetricType::Counter
                                 ? metric.counter.value
                                 : metric.gauge.value)
              .second;
      EXPECT_TRUE(is_new) << name;
    }
  }
  return samples;
}

TEST(FleetMetricsTest, ANodeHasAllSeriesFromTheStart) {
  const auto samples = Samples({});
  EXPECT_THAT(samples, Each(Pair(Not(StartsWith("tcptool_fleet_")), 0)));
  for (const char* name :
       {"tcptool_node_registered", "tcptool_node_coordinator",
        "tcptool_coordinator_changes_total", "tcptool_slow_nodes_total",
        "tcptool_parent_moves_total fault", "tcptool_parent_moves_total plan",
        "tcptool_node_deliveries WAITING", "tcptool_node_deliveries DELIVERED",
        "tcptool_node_deliveries_ended_total FAILED", "tcptool_etcd_reachable",
        "tcptool_etcd_silence_seconds",
        "tcptool_etcd_failures_total read UNAVAILABLE",
        "tcptool_etcd_failures_total watch OTHER"}) {
    EXPECT_THAT(samples, Contains(Key(name)));
  }
  EXPECT_THAT(
      samples,
      Not(Contains(Key("tcptool_node_deliveries_ended_total RECEIVING"))));
}

TEST(FleetMetricsTest, SaysWhatWasMeasured) {
  using std::chrono::milliseconds;
  FleetMeasures measures = {.is_registered = true,
                            .coordinator_changes = 2,
                            .slow_nodes = 3,
                            .is_etcd_reachable = true,
                            .etcd_silence = milliseconds(1500),
                            .moves_by_fault = 4,
                            .moves_by_plan = 5};
  measures.deliveries.held[fleet::v1::DELIVERY_STATE_RECEIVING] = 6;
  measures.deliveries.ended[fleet::v1::DELIVERY_STATE_CANCELLED] = 7;
  measures.etcd_failures[static_cast<size_t>(fleet::EtcdCall::kTransaction)]
                        [static_cast<size_t>(
                            fleet::EtcdFailure::kResourceExhausted)] = 8;
  const auto samples = Samples(measures);
  const std::map<std::string, double> expected = {
      {"tcptool_node_registered", 1},
      {"tcptool_node_coordinator", 0},
      {"tcptool_coordinator_changes_total", 2},
      {"tcptool_slow_nodes_total", 3},
      {"tcptool_etcd_reachable", 1},
      {"tcptool_etcd_silence_seconds", 1.5},
      {"tcptool_parent_moves_total fault", 4},
      {"tcptool_parent_moves_total plan", 5},
      {"tcptool_node_deliveries RECEIVING", 6},
      {"tcptool_node_deliveries_ended_total CANCELLED", 7},
      {"tcptool_etcd_failures_total transaction RESOURCE_EXHAUSTED", 8},
  };
  for (const auto& sample : expected) {
    EXPECT_THAT(samples, Contains(sample));
  }
}

TEST(FleetMetricsTest, TheCoordinatorSpeaksForTheFleet) {
  FleetMeasures measures = {.is_coordinator = true, .nodes = 3};
  fleet::FleetTotals& totals = measures.totals.emplace();
  totals.distributions[tcptool::v1::DISTRIBUTION_STATE_RUNNING] = 1;
  totals.deliveries[tcptool::v1::DELIVERY_STATE_EXPECTED] = 2;
  const auto samples = Samples(measures);
  EXPECT_THAT(samples,
              AllOf(Contains(Pair("tcptool_fleet_nodes", 3)),
                    Contains(Pair("tcptool_fleet_distributions RUNNING", 1)),
                    Contains(Pair("tcptool_fleet_distributions EXPIRED", 0)),
                    Contains(Pair("tcptool_fleet_deliveries EXPECTED", 2)),
                    Contains(Pair("tcptool_fleet_deliveries CANCELLED", 0))));
}

}  // namespace
}  // namespace tcptool::server
