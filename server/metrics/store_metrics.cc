#include "server/metrics/store_metrics.h"

namespace tcptool::server {

StoreMetrics::StoreMetrics(prometheus::Registry& registry)
    : seconds_(prometheus::BuildHistogram()
                   .Name("tcptool_store_operation_duration_seconds")
                   .Help("How long operations of the store took.")
                   .Register(registry)),
      errors_(prometheus::BuildCounter()
                  .Name("tcptool_store_errors_total")
                  .Help("Operations of the store that failed.")
                  .Register(registry)) {}

void StoreMetrics::Observe(const char* operation, absl::Duration duration,
                           bool ok) {
  // Seconds: from a page in memory to a disk in trouble.
  static const prometheus::Histogram::BucketBoundaries kBounds = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
      0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};
  const prometheus::Labels labels = {{"operation", operation}};
  seconds_.Add(labels, kBounds).Observe(absl::ToDoubleSeconds(duration));
  // Exists from the first operation on, at 0: rate() and alerts miss the first
  // increment of a series that appears with it.
  prometheus::Counter& errors = errors_.Add(labels);
  if (!ok) errors.Increment();
}

}  // namespace tcptool::server
