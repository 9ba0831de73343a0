// Distributions, by what etcd has of the fleet.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_FLEET_DISTRIBUTIONS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_FLEET_DISTRIBUTIONS_H_

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/etcd/prefix_mirror.h"
#include "server/fleet/service/distributions.h"
#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/node_progress.h"
#include "server/watch/watch_hub.h"

namespace tcptool::fleet {

// Every node of a fleet has one. What clients ask for is written to etcd, and
// what they read is what the node's own watch has told; the coordinator is
// needed for neither. How far deliveries are is told as far as `get_progress`
// knows it.
//
// Its own methods are called on the thread of `executor`, which runs until
// nobody calls those of Distributions any more.
class FleetDistributions final : public Distributions {
 public:
  // Calls `done` once, soon, on the thread, with what is known of the
  // distribution whose spec was created at `revision`. It is not called after
  // Stop().
  using GetProgress =
      std::function<void(const std::string& distribution, int64_t revision,
                         std::function<void(const ProgressByNode&)> done)>;

  // `etcd`, `state`, which is of the whole fleet, and `hub` are there for as
  // long as `executor` runs anything. `node`: the name of this one.
  FleetDistributions(const asio::any_io_executor& executor, EtcdCalls* etcd,
                     const FleetState& state, std::string node,
                     server::WatchHub& hub,
                     std::function<absl::Time()> now = absl::Now,
                     GetProgress get_progress = nullptr);
  ~FleetDistributions() override;

  // To be called by PrefixWatch::Events::changed, when `state` has taken in the
  // changes. Until the first call everything is UNAVAILABLE.
  void Changed(const PrefixMirror::Changes& changes, int64_t revision);

  // Answers all that has not been answered, and all that comes later, with
  // UNAVAILABLE.
  void Stop();

  void Create(const api::CreateDistributionRequest& request,
              const std::string& creator,
              Done<api::Distribution> done) override;
  void Cancel(const api::CancelDistributionRequest& request,
              Done<api::Distribution> done) override;
  void Retry(const api::RetryDistributionRequest& request,
             Done<api::Distribution> done) override;
  void Delete(const api::DeleteDistributionRequest& request,
              std::function<void(const absl::Status&)> done) override;
  void GetDelivery(const api::GetDeliveryRequest& request,
                   Done<api::Delivery> done) override;
  void ListDeliveries(const api::ListDeliveriesRequest& request,
                      Done<api::ListDeliveriesResponse> done) override;
  void GetNode(const api::GetFleetNodeRequest& request,
               Done<api::FleetNode> done) override;
  void ListNodes(const api::ListNodesRequest& request,
                 Done<api::ListNodesResponse> done) override;
  void FindUpload(const std::string& name, Done<std::string> done) override;
  void GetOverview(const std::string& name,
                   Done<DistributionOverview> done) override;
  const DistributionTable& table() const override;

 private:
  class Service;
  const std::shared_ptr<Service> service_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_FLEET_DISTRIBUTIONS_H_
