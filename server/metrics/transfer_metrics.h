// Metrics of sessions, recipients, receptions and lanes.
#ifndef TCPTOOL_SERVER_METRICS_TRANSFER_METRICS_H_
#define TCPTOOL_SERVER_METRICS_TRANSFER_METRICS_H_

#include <prometheus/collectable.h>

#include <vector>

#include "dataplane/engine/engine.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// Read from the engine and the tables at each scrape. docs/metrics.md
// describes each metric.
class TransferMetrics : public prometheus::Collectable {
 public:
  // All of them outlive it.
  TransferMetrics(const dataplane::Engine& engine, const SessionTable& sessions,
                  const ReceptionTable& receptions)
      : engine_(engine), sessions_(sessions), receptions_(receptions) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const dataplane::Engine& engine_;
  const SessionTable& sessions_;
  const ReceptionTable& receptions_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_TRANSFER_METRICS_H_
