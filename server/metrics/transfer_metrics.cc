#include "server/metrics/transfer_metrics.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/metrics/metric_family.h"

namespace tcptool::server {
namespace {

using dataplane::Engine;
using dataplane::Reason;
using dataplane::RecipientState;
using dataplane::SessionState;
using prometheus::MetricFamily;

MetricLabels Label(const char* name, auto value) {
  return {{.name = name, .value = std::string(dataplane::Name(value))}};
}

// One value for each state that is final.
template <typename State, typename Counts>
MetricFamily ByFinalState(MetricFamily family, const Counts& counts) {
  for (size_t i = 0; i < counts.size(); ++i) {
    const State state = static_cast<State>(i);
    if (dataplane::IsFinal(state)) {
      Add(family, counts[i], Label("state", state));
    }
  }
  return family;
}

void AddHeld(const SessionTable::Totals& totals,
             std::vector<MetricFamily>& out) {
  out.push_back(
      Gauge("tcptool_sessions",
            "Sessions that the service holds, the finished ones included."));
  // State 0 is UNSPECIFIED.
  for (int state = 1; state < v1::SessionState_ARRAYSIZE; ++state) {
    Add(out.back(), totals.sessions[state],
        {{.name = "state",
          .value = StateName(static_cast<v1::SessionState>(state))}});
  }
  out.push_back(
      Gauge("tcptool_recipients", "Recipients of the sessions held."));
  const v1::RecipientCounts& counts = totals.recipients;
  const std::pair<const char*, int32_t> values[] = {
      {"EXPECTED", counts.expected()},
      {"HANDSHAKING", counts.handshaking()},
      {"READY", counts.ready()},
      {"TRANSFERRING", counts.transferring()},
      {"CONFIRMING", counts.confirming()},
      {"DELIVERED", counts.delivered()},
      {"FAILED", counts.failed()},
      {"REJECTED", counts.rejected()},
      {"DROPPED", counts.dropped()},
  };
  for (const auto& [state, count] : values) {
    Add(out.back(), count, {{.name = "state", .value = state}});
  }
}

void AddReceptions(const ReceptionTable::Totals& totals,
                   std::vector<MetricFamily>& out) {
  out.push_back(
      Gauge("tcptool_receptions",
            "Receptions that the service holds, the finished ones included."));
  // State 0 is UNSPECIFIED.
  for (int state = 1; state < v1::ReceptionState_ARRAYSIZE; ++state) {
    Add(out.back(), totals.receptions[state],
        {{.name = "state",
          .value = StateName(static_cast<v1::ReceptionState>(state))}});
  }
  out.push_back(Counter("tcptool_received_bytes_total",
                        "Bytes of content that came in, over all receptions."));
  Add(out.back(), totals.bytes_received);
  out.push_back(Counter("tcptool_peer_received_bytes_total",
                        "Those of them that came from other nodes."));
  Add(out.back(), totals.bytes_from_nodes);
}

void AddEnded(const dataplane::Counters::Values& counters,
              std::vector<MetricFamily>& out) {
  out.push_back(Counter("tcptool_sessions_created_total",
                        "Sessions that began to listen."));
  Add(out.back(), counters.sessions_created);
  out.push_back(ByFinalState<SessionState>(
      Counter("tcptool_sessions_ended_total",
              "Sessions that ended, by the state that they ended in."),
      counters.sessions_ended));
  out.push_back(ByFinalState<RecipientState>(
      Counter("tcptool_recipients_ended_total",
              "Recipients that ended, by the state that they ended in."),
      counters.recipients_ended));
  out.push_back(Counter("tcptool_recipient_failures_total",
                        "Recipients that were FAILED or REJECTED, by reason."));
  for (size_t i = 0; i < counters.failures.size(); ++i) {
    const Reason reason = static_cast<Reason>(i);
    if (reason == Reason::kNone) continue;
    Add(out.back(), counters.failures[i], Label("reason", reason));
  }
}

void AddContent(const Engine::Measures& measures,
                std::vector<MetricFamily>& out) {
  const dataplane::Counters::Values& counters = measures.counters;
  out.push_back(
      Counter("tcptool_sent_bytes_total",
              "Bytes of content handed to the kernel, over all recipients."));
  Add(out.back(), counters.bytes_sent);
  out.push_back(Counter("tcptool_peer_sent_bytes_total",
                        "Those of them that were for other nodes."));
  Add(out.back(), counters.bytes_to_nodes);
  out.push_back(Counter(
      "tcptool_acked_bytes_total",
      "Bytes of content acknowledged by the recipients' TCP, over all."));
  Add(out.back(), counters.bytes_acked);
  out.push_back(
      Histogram("tcptool_handshake_duration_seconds",
                "From a recipient's connection to its handshake byte."));
  Add(out.back(), counters.handshakes);
  out.push_back(Histogram(
      "tcptool_delivery_duration_seconds",
      "From the start of a recipient's transfer to the proof of delivery."));
  Add(out.back(), counters.deliveries);
  out.push_back(
      Gauge("tcptool_stream_window_used_bytes",
            "Content of uploads that is held until all recipients have it."));
  Add(out.back(), measures.window.held);
  out.push_back(Gauge("tcptool_stream_window_size_bytes",
                      "What the windows of the uploads may hold together."));
  Add(out.back(), measures.window.size);
}

void AddLanes(const Engine::Measures& measures,
              std::vector<MetricFamily>& out) {
  MetricFamily processor =
      Counter("tcptool_lane_cpu_seconds_total",
              "Processor time of each lane; 1 for each second is a busy lane.");
  MetricFamily lag =
      Histogram("tcptool_lane_lag_seconds",
                "How late a lane comes to what is due, looked at 4 times/s.");
  for (size_t i = 0; i < measures.lanes.size(); ++i) {
    const MetricLabels labels = {{.name = "lane", .value = absl::StrCat(i)}};
    Add(processor, absl::ToDoubleSeconds(measures.lanes[i].processor_time),
        labels);
    Add(lag, measures.lanes[i].lag, labels);
  }
  out.push_back(std::move(processor));
  out.push_back(std::move(lag));
}

}  // namespace

std::vector<MetricFamily> TransferMetrics::Collect() const {
  const Engine::Measures measures = engine_.Measure();
  std::vector<MetricFamily> families;
  AddHeld(sessions_.Count(), families);
  AddReceptions(receptions_.Count(), families);
  AddEnded(measures.counters, families);
  AddContent(measures, families);
  AddLanes(measures, families);
  return families;
}

}  // namespace tcptool::server
