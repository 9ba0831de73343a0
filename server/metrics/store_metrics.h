// Metrics of the store: how long it takes to write and to read, and how often
// it cannot.
#ifndef TCPTOOL_SERVER_METRICS_STORE_METRICS_H_
#define TCPTOOL_SERVER_METRICS_STORE_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "absl/time/time.h"

namespace tcptool::server {

// Any thread may call any method.
class StoreMetrics {
 public:
  // `registry` outlives it.
  explicit StoreMetrics(prometheus::Registry& registry);

  // `operation` is one of a few words, "write" or "load": it becomes a label.
  void Observe(const char* operation, absl::Duration duration, bool ok);

 private:
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Family<prometheus::Counter>& errors_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_STORE_METRICS_H_
