// A node that answers clients, over a connection of its own to an etcd in
// memory.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SERVICE_SERVING_NODE_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SERVICE_SERVING_NODE_H_

#include <asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "server/fleet/service/fleet_distributions.h"
#include "server/fleet/state/fleet_state.h"
#include "server/watch/watch_hub.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {

// Of node "source"'s file, to all.
inline api::CreateDistributionRequest RequestToAll(const std::string& id = "") {
  api::CreateDistributionRequest request;
  request.set_distribution_id(id);
  api::DistributionSpec& spec = *request.mutable_distribution()->mutable_spec();
  spec.mutable_file()->set_node("source");
  spec.mutable_file()->set_root("images");
  spec.mutable_file()->set_path("disk.img");
  spec.mutable_targets()->set_all(true);
  spec.mutable_destination()->set_root("disk");
  spec.mutable_destination()->set_path("disk.img");
  return request;
}

// Of an upload to the node that is asked, to all.
inline api::CreateDistributionRequest UploadToAll(const std::string& id) {
  api::CreateDistributionRequest request = RequestToAll(id);
  request.mutable_distribution()->mutable_spec()->mutable_upload();
  return request;
}

// Called "here".
class ServingNode {
 public:
  ServingNode(asio::io_context& thread, TestFleet& fleet)
      : thread_(thread),
        connection_(thread.get_executor(), &fleet.etcd()),
        state_(fleet.keys()),
        service_(
            thread.get_executor(), &connection_, state_, "here", hub_,
            [this] { return now; },
            [this](const std::string&, int64_t,
                   const std::function<void(const ProgressByNode&)>& done) {
              done(progress);
            }),
        watch_(thread.get_executor(), &connection_,
               {.prefix = fleet.keys().prefix()},
               {.changed =
                    [this](const PrefixMirror::Changes& changes,
                           int64_t revision) {
                      state_.Apply(changes);
                      service_.Changed(changes, revision);
                    },
                .trouble = [](const absl::Status&) {}}) {}

  MemoryConnection& connection() { return connection_; }
  FleetDistributions& service() { return service_; }
  const DistributionTable& table() { return service_.table(); }

  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) thread_.run_one();
  }
  // Until everything that etcd has was told.
  void Read() {
    RunUntil([this] { return table().Begin(0).ok(); });
  }

  // Each makes a call, and waits for its answer.
  absl::StatusOr<api::Distribution> Create(
      const api::CreateDistributionRequest& request) {
    return Answer<api::Distribution>(
        [&](auto done) { service_.Create(request, "", done); });
  }
  absl::StatusOr<api::Distribution> Cancel(const std::string& name,
                                           const std::string& etag = "") {
    api::CancelDistributionRequest request;
    request.set_name(name);
    request.set_etag(etag);
    return Answer<api::Distribution>(
        [&](auto done) { service_.Cancel(request, done); });
  }
  absl::StatusOr<api::Distribution> Retry(const std::string& name,
                                          const std::string& etag = "") {
    api::RetryDistributionRequest request;
    request.set_name(name);
    request.set_etag(etag);
    return Answer<api::Distribution>(
        [&](auto done) { service_.Retry(request, done); });
  }
  absl::Status Delete(const std::string& name, bool force = false,
                      const std::string& etag = "") {
    api::DeleteDistributionRequest request;
    request.set_name(name);
    request.set_force(force);
    request.set_etag(etag);
    return Answer<bool>([&](auto done) {
             service_.Delete(request, [done](const absl::Status& status) {
               if (!status.ok()) return done(status);
               done(true);
             });
           })
        .status();
  }
  absl::StatusOr<api::Delivery> GetDelivery(const std::string& name) {
    api::GetDeliveryRequest request;
    request.set_name(name);
    return Answer<api::Delivery>(
        [&](auto done) { service_.GetDelivery(request, done); });
  }
  absl::StatusOr<api::FleetNode> GetNode(const std::string& name) {
    api::GetFleetNodeRequest request;
    request.set_name(name);
    return Answer<api::FleetNode>(
        [&](auto done) { service_.GetNode(request, done); });
  }
  absl::StatusOr<api::ListDeliveriesResponse> ListDeliveries(
      const api::ListDeliveriesRequest& request) {
    return Answer<api::ListDeliveriesResponse>(
        [&](auto done) { service_.ListDeliveries(request, done); });
  }
  absl::StatusOr<api::ListNodesResponse> ListNodes(
      const api::ListNodesRequest& request) {
    return Answer<api::ListNodesResponse>(
        [&](auto done) { service_.ListNodes(request, done); });
  }
  absl::StatusOr<std::string> FindUpload(const std::string& name) {
    return Answer<std::string>(
        [&](auto done) { service_.FindUpload(name, done); });
  }
  absl::StatusOr<DistributionOverview> GetOverview(const std::string& name) {
    return Answer<DistributionOverview>(
        [&](auto done) { service_.GetOverview(name, done); });
  }

  absl::Time now = absl::FromUnixSeconds(1'000'000);
  ProgressByNode progress;  // What is known, of whichever distribution.

 private:
  template <typename Response, typename Call>
  absl::StatusOr<Response> Answer(Call call) {
    std::optional<absl::StatusOr<Response>> answer;
    std::function<void(absl::StatusOr<Response>)> done =
        [&answer](absl::StatusOr<Response> response) {
          answer = std::move(response);
        };
    call(done);
    RunUntil([&answer] { return answer.has_value(); });
    return *std::move(answer);
  }

  asio::io_context& thread_;
  MemoryConnection connection_;
  server::WatchHub hub_{10};
  FleetState state_;
  FleetDistributions service_;
  PrefixWatch watch_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SERVICE_SERVING_NODE_H_
