// Builds prometheus-cpp's metric families from values that are read at each
// scrape (its Collectable), in place of counters that are kept up to date.
#ifndef TCPTOOL_SERVER_METRICS_METRIC_FAMILY_H_
#define TCPTOOL_SERVER_METRICS_METRIC_FAMILY_H_

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "dataplane/lanes/counters.h"

namespace tcptool::server {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

prometheus::MetricFamily Counter(std::string name, std::string help);
prometheus::MetricFamily Gauge(std::string name, std::string help);
prometheus::MetricFamily Histogram(std::string name, std::string help);

// Adds a value to a counter or a gauge.
void Add(prometheus::MetricFamily& family, double value,
         MetricLabels labels = {});
void Add(prometheus::MetricFamily& family,
         const dataplane::DurationHistogram::Values& values,
         MetricLabels labels = {});

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_METRIC_FAMILY_H_
