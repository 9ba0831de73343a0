// The parts of the service, put together, and taken apart in order.
#ifndef TCPTOOL_SERVER_DAEMON_H_
#define TCPTOOL_SERVER_DAEMON_H_

#include <atomic>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "dataplane/engine.h"
#include "server/content_roots.h"
#include "server/control_server.h"
#include "server/http_pages.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/node_service.h"
#include "server/options.h"
#include "server/session_manager.h"
#include "server/session_service.h"
#include "server/session_table.h"
#include "server/watch_hub.h"

namespace tcptool::server {

// For one thread.
class Daemon {
 public:
  explicit Daemon(const Options& options);

  // Serves from here on. On an error, whose message says what to do, the daemon
  // can only be destroyed.
  absl::Status Start();
  // Refuses what is new, ends what runs, and returns when nothing does.
  void Stop();

 private:
  v1::Node Node() const;
  absl::Status StartHttp();

  // In the order in which each needs those above it.
  const Options options_;
  ContentRoots roots_;
  dataplane::Engine engine_;
  SessionTable table_;
  Metrics metrics_;
  WatchHub hub_;
  const SessionManager::Options manager_options_;
  SessionManager manager_;
  std::optional<SessionService> session_service_;
  std::optional<NodeService> node_service_;
  std::unique_ptr<ControlServer> control_;
  std::atomic<bool> ready_{false};  // Takes new sessions.
  std::optional<HttpPages> pages_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_H_
