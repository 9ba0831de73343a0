// A node's part in the distributions of its fleet.
#ifndef TCPTOOL_SERVER_FLEET_FOLLOWER_FOLLOWER_H_
#define TCPTOOL_SERVER_FLEET_FOLLOWER_FOLLOWER_H_

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/fleet/counts/fleet_counts.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/follower/delivery_port.h"
#include "server/fleet/follower/delivery_record.h"
#include "server/fleet/state/edge_rate.h"
#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/node_progress.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

struct FollowerOptions {
  std::string node;  // The name of this one.
  std::function<absl::Time()> now = absl::Now;
};

// Each node of a fleet has one. It does what etcd says:
// - it receives what it has an edge in force for, from the nodes that the edge
//   names, and obeys each new edge of a higher epoch;
// - it offers the files that it is the source of;
// - it receives the uploads that it is the source of;
// - it has both sent to others no faster than the distribution and its edges
//   say;
// - it has it served to recipients that are no nodes, where the distribution
//   says so;
// - it lets go of what is deleted, or has ended without it;
// and keeps deliveries/NODE of each.
//
// What etcd does not say goes on as it is: when etcd is away, or the node's
// registration, transfers are not touched, and a node whose registration is
// gone is asked at the address that it had.
//
// All is on the thread of `executor`.
class Follower {
 public:
  struct Events {
    // A call of etcd's has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
    // What this node's deliveries are, after each change.
    std::function<void(const DeliveryCounts&)> counted =
        [](const DeliveryCounts&) {};
  };

  // All of them outlive it. `state` has all of the fleet.
  Follower(const asio::any_io_executor& executor, EtcdCalls* etcd,
           const FleetState* state, DeliveryPort* port, FollowerOptions options,
           Events events);
  // Writes nothing any more. What is received goes on.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // The node is registered under this incarnation; 0: it may not be any more.
  void SetIncarnation(int64_t incarnation);

  // `state` has changed, and has everything up to `revision`; which is lower
  // than before only if etcd has gone back.
  void Update(int64_t revision);

  // How fast distributions have come since they were taken last; those that it
  // does not return are returned the next time.
  EdgeRates TakeRates();

  // How far those are that it receives and does not have yet:
  // kMostProgressTold at most.
  std::vector<NodeProgress> Progress() const;
  // The same of one; none: it is not among them.
  std::optional<NodeProgress> ProgressOf(const DeliveryId& id) const;

 private:
  struct Delivery {
    std::shared_ptr<DeliveryRecord> record;
    bool is_source = false;
    bool is_begun = false;      // The port has it.
    bool takes_upload = false;  // And from an upload.
    uint64_t attempt = 0;       // Of those that were begun.
    int64_t epoch = 0;          // Of the edge that it obeys.
    std::vector<SendingNode> nodes;
    bool is_served = false;   // To recipients that are no nodes.
    std::string served_root;  // Of what is served, if this is the source.
    v1::Serving serving;      // As it was told last.
    // The revision of the head by which it was limited; 0: it was not yet.
    int64_t limited_at = 0;
  };
  using Deliveries = std::map<DeliveryId, Delivery>;

  void GoBack();
  void DropOthers();
  void Consider(const DeliveryId& id, const Distribution& distribution,
                int64_t revision);
  Delivery& Get(const DeliveryId& id);
  bool IsSource(const v1::DistributionSpec& spec) const;
  // The node that an upload is sent to.
  bool IsUploadedTo(const v1::DistributionSpec& spec) const;
  // It is final.
  void Stop(const DeliveryId& id, const Distribution& distribution,
            Delivery& delivery);
  void Receive(const DeliveryId& id, const Distribution& distribution,
               Delivery& delivery);
  // Tells the port how fast it may be sent to others, when that may have
  // changed.
  void Limit(const DeliveryId& id, const Distribution& distribution,
             Delivery& delivery);
  // Begins or ends to serve it to recipients that are no nodes.
  void Serve(const DeliveryId& id, const Distribution& distribution,
             Delivery& delivery);
  void EndServing(const DeliveryId& id, Delivery& delivery);
  DeliveryPort::OnProgress Begin(const DeliveryId& id, Delivery& delivery);
  void Release(const DeliveryId& id, Delivery& delivery);
  void Progressed(const DeliveryId& id, Delivery& delivery,
                  const DeliveryProgress& progress);
  void Write(const DeliveryProgress& progress, Delivery& delivery);
  void Count();
  std::optional<NodeProgress> ProgressOf(const DeliveryId& id,
                                         const Delivery& delivery) const;
  // The parent and the fallbacks, as far as it is known where they are: by
  // their registration or, of one that is not registered, from `known`.
  std::vector<SendingNode> NodesOf(const v1::Edge& edge,
                                   const std::vector<SendingNode>& known) const;

  const asio::any_io_executor executor_;
  EtcdCalls* const etcd_;
  const FleetState* const state_;
  DeliveryPort* const port_;
  const FollowerOptions options_;
  const Events events_;
  int64_t incarnation_ = 0;
  int64_t revision_ = 0;
  Deliveries deliveries_;
  DeliveryId last_taken_;  // Of those whose rate TakeRates() has returned.
  DeliveryCounts counts_;  // As they were told last.
  // Gone with this: for what is called later.
  const std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_FOLLOWER_FOLLOWER_H_
