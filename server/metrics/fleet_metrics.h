// Metrics of a node's part in its fleet and, where it coordinates that, of all
// of it.
#ifndef TCPTOOL_SERVER_METRICS_FLEET_METRICS_H_
#define TCPTOOL_SERVER_METRICS_FLEET_METRICS_H_

#include <prometheus/collectable.h>

#include <functional>
#include <utility>
#include <vector>

#include "server/fleet/counts/fleet_counts.h"

namespace tcptool::server {

// Measured at each scrape. docs/metrics.md describes each metric.
class FleetMetrics : public prometheus::Collectable {
 public:
  using Measure = std::function<fleet::FleetMeasures()>;

  explicit FleetMetrics(Measure measure) : measure_(std::move(measure)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Measure measure_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_FLEET_METRICS_H_
