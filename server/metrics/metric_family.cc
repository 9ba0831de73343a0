#include "server/metrics/metric_family.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace tcptool::server {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Counter(std::string name, std::string help) {
  return {std::move(name), std::move(help), MetricType::Counter, {}};
}

MetricFamily Gauge(std::string name, std::string help) {
  return {std::move(name), std::move(help), MetricType::Gauge, {}};
}

MetricFamily Histogram(std::string name, std::string help) {
  return {std::move(name), std::move(help), MetricType::Histogram, {}};
}

void Add(MetricFamily& family, double value, MetricLabels labels) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void Add(MetricFamily& family,
         const dataplane::DurationHistogram::Values& values,
         MetricLabels labels) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  // Prometheus' buckets are cumulative: each counts all values up to its bound.
  uint64_t count = 0;
  for (size_t i = 0; i < values.counts.size(); ++i) {
    count += values.counts[i];
    metric.histogram.bucket.push_back(
        {.cumulative_count = count,
         .upper_bound = i < values.bounds.size()
                            ? values.bounds[i]
                            : std::numeric_limits<double>::infinity()});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = values.sum_seconds;
}

}  // namespace tcptool::server
