// A node of a simulated fleet: what the daemon has of the fleet's logic, and a
// file that fills in place of a reception.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_NODE_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_NODE_H_

#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/fleet/coordinator/coordinator.h"
#include "server/fleet/follower/delivery_port.h"
#include "server/fleet/follower/follower.h"
#include "server/fleet/state/edge_rate.h"
#include "server/fleet/state/fleet_state.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"
#include "tests/server/fleet/memory_etcd/memory_etcd.h"
#include "tests/server/fleet/simulation/simulated_link.h"

namespace tcptool::fleet {

// Its disk, and with it how far it is, outlasts its process.
class SimulatedNode final : public DeliveryPort {
 public:
  struct Options {
    std::string name;
    std::string rack;
    int64_t rate = 0;           // Bytes a second, in either direction.
    bool is_candidate = false;  // For coordinator.
    uint64_t size = 0;          // Of the content, in bytes.
    bool is_source = false;
  };
  // What is told of it.
  struct Events {
    // As SimulatedLink's.
    std::function<NodeAnswer(const SimulatedNode& asker,
                             const std::string& node, bool is_new)>
        ask;
    std::function<void(const SimulatedNode&, const v1::ParentMove&)> moved;
    // As a coordinator it has found a node to be slow.
    std::function<void(const SlowNode&)> slow;
  };

  // `io`, `etcd` and `state` outlive it.
  SimulatedNode(asio::io_context& io, MemoryEtcd* etcd, const FleetState* state,
                Options options, Events events);

  const Options& options() const { return options_; }
  const std::string& name() const { return options_.name; }

  // --- Its process ---

  void Start();
  void Kill();
  bool is_running() const { return follower_ != nullptr; }
  // Whether it reaches etcd and other nodes.
  void SetReachable(bool is_reachable) { is_reachable_ = is_reachable; }
  bool is_reachable() const { return is_reachable_; }
  bool is_coordinator() const {
    return coordinator_ && coordinator_->is_coordinator();
  }
  void SetSlow(int64_t rate) { rate_ = rate; }
  int64_t rate() const { return rate_; }

  // --- Its place in etcd ---

  // Its leases run out.
  void EndLeases();
  void Register();
  bool is_registered() const { return lease_ != 0; }
  // The state that it looks at may have changed.
  void Update();
  EdgeRates TakeRates() { return follower_->TakeRates(); }
  void TakeReport(const EdgeRates& rates);

  // --- Its content ---

  uint64_t position() const { return position_; }
  bool has_all() const { return position_ == options_.size; }
  // Other nodes can have from it what it has.
  bool is_serving() const { return is_running() && is_begun_; }
  // Null: it receives nothing.
  SimulatedLink* link() { return link_ ? &*link_ : nullptr; }
  const SimulatedLink* link() const { return link_ ? &*link_ : nullptr; }
  // Of what link() is connected to.
  void Receive(uint64_t bytes);
  void Step();

  void KeepOnly(const std::set<DeliveryId>& /*ids*/) override {}
  void Receive(const DeliveryId& id, const v1::DistributionSpec& spec,
               std::vector<SendingNode> nodes, bool was_delivered,
               OnProgress progress) override;
  void Reparent(const DeliveryId& id, std::vector<SendingNode> nodes) override;
  std::optional<ReceivedRate> TakeRate(const DeliveryId& id) override;
  void Offer(const DeliveryId& id, const v1::FileSource& file,
             OnProgress progress) override;
  void Release(const DeliveryId& id) override;
  // It has told all that it has.
  void Cancel(const DeliveryId& id, OnProgress /*kept*/) override {
    Release(id);
  }

 private:
  void BeginLink(std::vector<SendingNode> nodes);
  void Moved(const v1::ParentMove& move);
  void Tell(v1::DeliveryState state);

  asio::io_context& io_;
  MemoryEtcd* const etcd_;
  const FleetState* const state_;
  const Options options_;
  const Events events_;
  int64_t rate_;

  // Of the process.
  std::unique_ptr<MemoryConnection> connection_;
  std::unique_ptr<Follower> follower_;
  std::optional<Coordinator> coordinator_;
  int64_t coordinators_lease_ = 0;
  int64_t updated_to_ = 0;  // A revision.
  bool is_begun_ = false;
  std::optional<SimulatedLink> link_;
  std::vector<v1::ParentMove> moves_;  // As Delivery.moves.
  OnProgress progress_;
  v1::DeliveryState told_ = v1::DELIVERY_STATE_UNSPECIFIED;

  int64_t lease_ = 0;  // Of its registration.
  bool is_reachable_ = true;
  uint64_t position_ = 0;  // Of the disk.
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_NODE_H_
