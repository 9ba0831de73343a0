// The whole service: creates its parts in order and ends them in order.
#ifndef TCPTOOL_SERVER_DAEMON_DAEMON_H_
#define TCPTOOL_SERVER_DAEMON_DAEMON_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "dataplane/engine/engine.h"
#include "server/connect/connect_api.h"
#include "server/daemon/content_tls.h"
#include "server/daemon/options.h"
#include "server/fleet/member/fleet_node.h"
#include "server/http/http_pages.h"
#include "server/http/http_server.h"
#include "server/metrics/metrics.h"
#include "server/peers/distributed_contents.h"
#include "server/peers/follow_clients.h"
#include "server/peers/node_credentials.h"
#include "server/peers/parent_moves.h"
#include "server/peers/peer_service.h"
#include "server/receptions/reception_manager.h"
#include "server/rpc/control_server.h"
#include "server/rpc/distribution_service.h"
#include "server/rpc/file_service.h"
#include "server/rpc/node_service.h"
#include "server/rpc/reception_service.h"
#include "server/rpc/session_service.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/session_manager.h"
#include "server/store/store.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"

namespace tcptool::server {

// Not thread-safe.
class Daemon {
 public:
  explicit Daemon(const Options& options);

  // Checks the files that the options name, as Start() does.
  static absl::Status Check(const Options& options);

  // Whether the system gives the process the threads that it needs. Before
  // there is a daemon: later, whoever needs one that is not there may not
  // notice. UNAVAILABLE, with what to do.
  static absl::Status CheckThreads(const Options& options);

  // Serves from here on. On an error, whose message says what to do, the daemon
  // can only be destroyed.
  absl::Status Start();
  // Whether the control port takes connections, and every lane has run its
  // event loop since the last call, whose counts this one replaces; the first
  // call looks at the port alone. For a watchdog, which calls it every few
  // seconds or less often: a lane runs its loop at least four times a second,
  // except while it waits for a disk. The peer address does not count: it may
  // be that of an interface that is down, while transfers go on elsewhere.
  bool PollLiveness();
  // Refuses new sessions and receptions; those that run go on.
  void Drain();
  // Waits until none of them runs, at most for `timeout` each. True: none does.
  bool WaitUntilIdle(absl::Duration timeout);
  // Ends all sessions and receptions. When this returns, what has become of
  // them is stored.
  void EndTransfers();
  // Ends all calls; after EndTransfers(). It may wait for ever: gRPC does for a
  // thread that it has not got.
  void Stop();

 private:
  // Opens the store, and restores the sessions and receptions that it has.
  absl::Status Restore();
  absl::Status StartTls();
  absl::Status StartPeers();
  absl::Status StartFleet();
  void JoinFleet();
  absl::Status StartHttp();
  // Whether clients and nodes can reach it: see ControlProbe.
  bool IsReachable() const;

  // In the order of dependency: each uses only those above it, and is destroyed
  // before them.
  const Options options_;
  ContentRoots roots_;
  ContentRoots writable_roots_;
  dataplane::Engine engine_;
  std::optional<SessionTable> table_;
  std::optional<ReceptionTable> reception_table_;
  std::optional<Metrics> metrics_;
  WatchHub hub_;
  std::unique_ptr<ContentTls> content_tls_;  // With --data-tls-cert.
  SessionManager::Options manager_options_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const NodeCredentials> node_credentials_;
  std::optional<FollowClients> follow_clients_;
  ParentMoves parent_moves_;
  std::optional<ReceptionManager> receptions_;
  std::optional<SessionManager> manager_;
  DistributedContents distributed_contents_;
  std::unique_ptr<fleet::FleetNode> fleet_;  // With --fleet.
  std::optional<SessionService> session_service_;
  std::optional<ReceptionService> reception_service_;
  std::optional<DistributionService> distribution_service_;
  std::optional<NodeService> node_service_;
  std::optional<FileService> file_service_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<PeerService> peer_service_;   // With --peer-address.
  std::unique_ptr<ControlServer> peer_server_;  // The same.
  std::optional<HttpPages> pages_;
  std::unique_ptr<ConnectApi> connect_api_;  // With --http-api.
  std::unique_ptr<HttpServer> http_;
  // By lane: how often it had run its probe at the last PollLiveness().
  std::vector<uint64_t> probes_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_DAEMON_H_
