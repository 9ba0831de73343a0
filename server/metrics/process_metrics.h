// The metrics that every process has, by the names that Prometheus' client
// libraries give them.
#ifndef TCPTOOL_SERVER_METRICS_PROCESS_METRICS_H_
#define TCPTOOL_SERVER_METRICS_PROCESS_METRICS_H_

#include <prometheus/collectable.h>

#include <vector>

namespace tcptool::server {

// Read from the kernel at each scrape (proc(5), getrusage(2)). What it does not
// tell is left out.
class ProcessMetrics : public prometheus::Collectable {
 public:
  ProcessMetrics();

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const double start_;  // Seconds since 1970.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_PROCESS_METRICS_H_
