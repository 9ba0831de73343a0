// All metrics of the service. docs/metrics.md describes them.
#ifndef TCPTOOL_SERVER_METRICS_METRICS_H_
#define TCPTOOL_SERVER_METRICS_METRICS_H_

#include <prometheus/registry.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "dataplane/engine/engine.h"
#include "server/metrics/fleet_metrics.h"
#include "server/metrics/grpc_metrics.h"
#include "server/metrics/process_metrics.h"
#include "server/metrics/store_metrics.h"
#include "server/metrics/transfer_metrics.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// Any thread may call any method. No label is ever an address, the name of a
// session, a node or a distribution, or anything else that a client, a
// recipient or another node chooses.
class Metrics {
 public:
  static constexpr const char* kContentType =
      "text/plain; version=0.0.4; charset=utf-8";

  // All of them outlive the metrics.
  Metrics(const dataplane::Engine& engine, const SessionTable& sessions,
          const ReceptionTable& receptions)
      : transfers_(engine, sessions, receptions) {}

  // What calls and the store's operations are reported to. They live as long as
  // the metrics.
  GrpcMetrics& grpc() { return grpc_; }
  StoreMetrics& store() { return store_; }

  // Of a node in a fleet, before the first Render(), which may call it on any
  // thread.
  void set_fleet(FleetMetrics::Measure measure) {
    fleet_.emplace(std::move(measure));
  }

  // Until when the certificate of content is valid, where there is one. Before
  // the first Render(), which calls it on any thread.
  void set_data_certificate(std::function<absl::Time()> expiry) {
    data_certificate_ = std::move(expiry);
  }

  // In Prometheus' text format. `is_ready`: the service takes new sessions.
  std::string Render(bool is_ready) const;

 private:
  prometheus::Registry registry_;
  GrpcMetrics grpc_{registry_};
  StoreMetrics store_{registry_};
  ProcessMetrics process_;
  TransferMetrics transfers_;
  std::optional<FleetMetrics> fleet_;
  std::function<absl::Time()> data_certificate_;  // Null: there is none.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_METRICS_H_
