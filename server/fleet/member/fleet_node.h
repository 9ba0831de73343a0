// A node of a fleet, as a daemon is one.
#ifndef TCPTOOL_SERVER_FLEET_MEMBER_FLEET_NODE_H_
#define TCPTOOL_SERVER_FLEET_MEMBER_FLEET_NODE_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/event_limit.h"
#include "server/base/steady_cond_var.h"
#include "server/fleet/counts/fleet_counts.h"
#include "server/fleet/deliveries/node_deliveries.h"
#include "server/fleet/etcd/etcd_client.h"
#include "server/fleet/member/fleet_member.h"
#include "server/fleet/member/fleet_options.h"
#include "server/fleet/membership/life_sign.h"
#include "server/peers/distributed_contents.h"
#include "server/peers/follow_clients.h"
#include "server/peers/parent_moves.h"
#include "server/peers/peer_contents.h"
#include "server/receptions/reception_manager.h"
#include "server/sessions/session_manager.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::fleet {

// Has a thread of its own for all that the node does in its fleet, and logs it.
// Its methods are called on one thread.
class FleetNode {
 public:
  // These outlive the node, or are shared with it.
  struct Service {
    server::ReceptionManager& receptions;
    const server::ReceptionTable& table;
    server::SessionManager& sessions;
    const server::SessionTable& session_table;
    std::shared_ptr<server::PeerContents> contents;
    // Which `contents` looks into.
    server::DistributedContents& places;
    // Which those that receive for `receptions` add to.
    server::ParentMoves& moves;
    // By which the coordinator is told how fast that is.
    server::FollowClients& clients;
  };

  // Begins to read what the fleet has. `etcd`: of LoadEtcdOptions(); `hub`
  // outlives the node.
  // INVALID_ARGUMENT: the options do not go together.
  static absl::StatusOr<std::unique_ptr<FleetNode>> Start(
      const FleetOptions& options, const EtcdOptions& etcd,
      server::WatchHub& hub);
  // Leases run out that have not been given back. What is received goes on.
  ~FleetNode();
  FleetNode(const FleetNode&) = delete;
  FleetNode& operator=(const FleetNode&) = delete;

  // Has a part in the fleet from here on; once. `peer_address`: where the other
  // nodes reach this one's PeerService.
  void Join(const std::string& peer_address, const Service& service);

  // For clients; any thread may call it, until this is destroyed.
  Distributions& distributions() { return member_->distributions(); }
  // After Join(); any thread may call it, until this is destroyed.
  FleetMeasures Measure() const;
  // They are answered UNAVAILABLE from here on.
  void StopAnswering();

  // PeerService::OnRates; any thread may call it, until this is destroyed.
  void TakeRates(const peer::v1::ReportRatesRequest& request,
                 std::function<void(const absl::Status&)> done);
  // PeerService::OnGetProgress; the same.
  void GetProgress(
      const peer::v1::GetProgressRequest& request,
      std::function<void(absl::StatusOr<peer::v1::GetProgressResponse>)> done);

  // Begins to leave the fleet: see FleetMember::Leave(). After Join(); once.
  void Leave();
  // Until etcd has been told so, at most for `timeout`: it may be away. After
  // Leave().
  void WaitUntilLeft(std::chrono::nanoseconds timeout);

 private:
  FleetNode(const FleetOptions& options, FleetKeys keys);

  FleetMember::Events Events();
  // Another node.
  void AskForProgress(const std::string& address,
                      const std::string& distribution, int64_t revision,
                      std::function<void(ProgressLookup::Told)> done);

  const FleetOptions options_;
  const FleetKeys keys_;
  // Its text is in the registration. Another process of this host that wants to
  // be the same node takes the registration over as soon as this socket is
  // closed, without waiting for the lease to end. So it is declared before
  // `member_`, which holds the registration, and closed after that is gone.
  const LifeSign life_sign_;
  // What NodeDeliveries is answered later may be answered when this is gone.
  const std::shared_ptr<asio::io_context> io_ =
      std::make_shared<asio::io_context>(1);
  absl::Mutex mutex_;
  server::SteadyCondVar left_changed_;
  bool left_ ABSL_GUARDED_BY(mutex_) = false;
  // These are of the thread.
  server::EventLimit trouble_;
  std::unique_ptr<EtcdClient> etcd_;
  std::optional<NodeDeliveries> deliveries_;
  server::FollowClients* clients_ = nullptr;  // From Join() on.
  // Made before the thread begins, and destroyed on it.
  std::optional<FleetMember> member_;
  const server::ParentMoves* moves_ = nullptr;  // Set by Join().
  std::thread thread_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_MEMBER_FLEET_NODE_H_
