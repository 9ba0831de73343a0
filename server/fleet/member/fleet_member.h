// What a node does in its fleet.
#ifndef TCPTOOL_SERVER_FLEET_MEMBER_FLEET_MEMBER_H_
#define TCPTOOL_SERVER_FLEET_MEMBER_FLEET_MEMBER_H_

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/fleet/coordinator/coordinator.h"
#include "server/fleet/counts/counted_etcd.h"
#include "server/fleet/counts/fleet_counts.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/etcd/prefix_mirror.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "server/fleet/follower/delivery_port.h"
#include "server/fleet/follower/follower.h"
#include "server/fleet/membership/registration.h"
#include "server/fleet/service/distribution_table.h"
#include "server/fleet/service/distributions.h"
#include "server/fleet/service/fleet_distributions.h"
#include "server/fleet/service/progress_lookup.h"
#include "server/fleet/state/edge_rate.h"
#include "server/fleet/state/fleet_keys.h"
#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/node_progress.h"
#include "server/watch/watch_hub.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

struct FleetMemberOptions {
  FleetKeys keys;
  std::string node;  // The name of this one.
  std::function<absl::Time()> now = absl::Now;
  // How often the coordinator is told how fast distributions come and how far
  // they are; less often where the nodes would tell it more than 200 times a
  // second in all.
  std::chrono::milliseconds report_interval = std::chrono::seconds(2);
};

// Reads from etcd what the fleet has, answers clients by that and, from Join()
// to Leave(), has the node
// registered, a part in distributions, and a candidate for coordinator.
//
// The node has a part in distributions from its first registration on: a second
// node of its name has none, also if that has taken the name over while the
// first one's registration was lost. What goes on then goes on.
//
// All is on the thread of `executor`.
class FleetMember {
 public:
  struct Events {
    // See Registration::Events.
    std::function<void(int64_t incarnation)> registered;
    std::function<void(const absl::Status&)> lost;
    std::function<void(const absl::Status&)> refused;
    // Whether this node is the coordinator has changed.
    std::function<void(bool is_coordinator)> coordinating;
    // As Coordinator::Events::slow.
    std::function<void(const SlowNode&)> slow;
    // Another node, whose PeerService is there, is to be told this.
    std::function<void(const std::string& address, const EdgeRates&,
                       const std::vector<NodeProgress>&)>
        report;
    // A call of etcd's has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
    // Another node is to be asked.
    ProgressLookup::Ask get_progress =
        [](const std::string&, const std::string&, int64_t,
           const std::function<void(ProgressLookup::Told)>& done) {
          done(std::nullopt);
        };
  };

  // `etcd` and `hub` must outlive it.
  FleetMember(const asio::any_io_executor& executor, EtcdCalls* etcd,
              FleetMemberOptions options, server::WatchHub& hub, Events events);
  // Of what it has begun, transfers go on, and leases run out.
  ~FleetMember();
  FleetMember(const FleetMember&) = delete;
  FleetMember& operator=(const FleetMember&) = delete;

  // For clients; any thread may call it, until this is destroyed.
  Distributions& distributions() { return distributions_; }
  const DistributionTable& table() const { return distributions_.table(); }
  // They are answered UNAVAILABLE from here on.
  void StopAnswering() { distributions_.Stop(); }

  // Any thread may read them, until this is destroyed.
  const FleetCounts& counts() const { return *counts_; }

  // Once. `node`: what it is registered with; `port` must outlive this.
  void Join(const v1::Node& node, DeliveryPort* port);

  // What another node tells, or this one: see Coordinator::ReportRates().
  // FAILED_PRECONDITION: this node is not the coordinator.
  absl::Status TakeReport(const EdgeRates& rates);
  // The same of how far it is: see Coordinator::ReportProgress().
  absl::Status TakeProgress(const std::vector<NodeProgress>& progress);
  // What the coordinator was told, for another node.
  // FAILED_PRECONDITION: this node is not the coordinator.
  absl::StatusOr<std::vector<NodeProgress>> ToldProgress(
      const std::string& distribution, int64_t revision);

  // The node is gone at once, for all others; another may coordinate. What it
  // receives goes on, and is told of no more. `done` is called in any case; no
  // event but `trouble` comes any more. After Join().
  void Leave(std::function<void()> done);

 private:
  void Changed(const PrefixMirror::Changes& changes, int64_t revision);
  void Registered(int64_t incarnation);
  // Does what etcd says, as far as the node may.
  void Follow();
  void ReportLater();
  // Whoever coordinates is told how fast distributions come here, and how far
  // they are. Nobody: it is dropped.
  void Report();
  bool IsCoordinator() const;
  // Where the coordinator's PeerService is. None: it is not known, or it is
  // this node.
  std::optional<std::string> OtherCoordinator() const;
  // For clients: as FleetDistributions::GetProgress. What is here of it is
  // known in any case.
  void GetProgress(const std::string& distribution, int64_t revision,
                   std::function<void(const ProgressByNode&)> done);
  ProgressByNode WithOwn(ProgressByNode known, const DeliveryId& id) const;

  const asio::any_io_executor executor_;
  const std::shared_ptr<FleetCounts> counts_ = std::make_shared<FleetCounts>();
  CountedEtcd etcd_;
  const FleetMemberOptions options_;
  const Events events_;
  FleetState state_;
  ProgressLookup lookup_;
  FleetDistributions distributions_;
  int64_t revision_ = 0;  // Of `state_`; 0: nothing has been read.
  // It is, or was, registered, and its name is nobody else's.
  bool has_name_ = false;
  PrefixWatch watch_;
  std::optional<Follower> follower_;
  std::optional<Registration> registration_;
  std::optional<Coordinator> coordinator_;
  asio::steady_timer report_timer_;
  // Gone with this: for what the timer calls later.
  const std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_MEMBER_FLEET_MEMBER_H_
