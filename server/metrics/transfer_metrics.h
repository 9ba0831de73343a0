// Metrics of sessions, recipients and lanes.
#ifndef TCPTOOL_SERVER_METRICS_TRANSFER_METRICS_H_
#define TCPTOOL_SERVER_METRICS_TRANSFER_METRICS_H_

#include <prometheus/collectable.h>

#include <vector>

#include "dataplane/engine/engine.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// Read from the engine and the session table at each scrape. docs/metrics.md
// describes each metric.
class TransferMetrics : public prometheus::Collectable {
 public:
  // Both outlive it.
  TransferMetrics(const dataplane::Engine& engine, const SessionTable& table)
      : engine_(engine), table_(table) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const dataplane::Engine& engine_;
  const SessionTable& table_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_TRANSFER_METRICS_H_
