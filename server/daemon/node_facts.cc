#include "server/daemon/node_facts.h"

#include <cstdint>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/security/data_tls.h"
#include "version.h"

namespace tcptool::server {

v1::Node NodeFacts(const Options& options, const dataplane::Engine& engine,
                   const SessionManager::Options& sessions,
                   const ReceptionManager::Options& receptions) {
  v1::Node node;
  node.set_version(std::string(kVersion));
  node.mutable_start_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  node.set_data_address(options.data.address);
  node.mutable_data_ports()->set_first(options.data.first_port);
  node.mutable_data_ports()->set_last(options.data.last_port);
  node.set_lanes(static_cast<int32_t>(engine.lanes()));
  v1::NodeLimits& limits = *node.mutable_limits();
  limits.set_max_sessions(static_cast<int32_t>(sessions.max_sessions));
  limits.set_max_recipients_per_session(
      static_cast<int32_t>(engine.max_recipients_per_session()));
  limits.set_max_watchers(static_cast<int32_t>(options.control.max_watchers));
  limits.set_max_message_bytes(options.control.max_message_bytes);
  limits.set_stream_window_bytes(
      static_cast<int64_t>(sessions.stream_window_bytes));
  limits.set_max_upload_bytes(static_cast<int64_t>(sessions.max_upload_bytes));
  limits.set_max_receptions(static_cast<int32_t>(receptions.max_receptions));
  limits.set_max_running_receptions(
      static_cast<int32_t>(receptions.max_running));
  if (sessions.rules.data_tls.context != nullptr) {
    v1::DataTls& tls = *node.mutable_data_tls();
    tls.set_client_certificates(sessions.rules.data_tls.client_certificates);
    tls.set_kernel_tls(UsesKernelTls(options.data.tls));
  }
  return node;
}

}  // namespace tcptool::server
