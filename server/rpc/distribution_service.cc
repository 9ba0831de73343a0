#include "server/rpc/distribution_service.h"

#include <google/protobuf/empty.pb.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/api/errors.h"
#include "server/fleet/service/distribution_spec.h"
#include "server/rpc/refused_call.h"
#include "server/rpc/unary_methods.h"
#include "server/rpc/upload_reactor.h"
#include "server/rpc/watch_reactor.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool::server {
namespace {

absl::Status NoFleet() {
  return FailedPrecondition(
      v1::ERROR_REASON_NOT_IN_A_FLEET, "fleet",
      "the node is in no fleet; start its service with --fleet, or ask one "
      "that is in it");
}

// A method that `call`, of the fleet, the request and what is done with the
// answer, carries out.
template <typename Call>
auto InFleet(fleet::Distributions* distributions, Call call) {
  return [distributions, call](const auto& request, auto done) {
    if (distributions == nullptr) return done(NoFleet());
    call(*distributions, request, std::move(done));
  };
}

}  // namespace

void DistributionService::AddTo(MethodTable& table) {
  using fleet::Distributions;
  const google::protobuf::ServiceDescriptor& service =
      *v1::CreateDistributionRequest::descriptor()->file()->FindServiceByName(
          "DistributionService");
  UnaryMethods unary(table, service);
  unary.AddWithCaller<v1::CreateDistributionRequest, v1::Distribution>(
      "CreateDistribution",
      [this](const auto& request, const Caller& caller, auto done) {
        if (distributions_ == nullptr) return done(NoFleet());
        distributions_->Create(request, caller.identity(), std::move(done));
      },
      [](const auto& request) {
        return fleet::ToStored(request.distribution().spec(), /*node=*/"")
            .status();
      });
  unary.Add<v1::GetDistributionRequest, v1::Distribution>(
      "GetDistribution",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                done(fleet.table().Get(request.name(), request.view()));
              }));
  unary.Add<v1::ListDistributionsRequest, v1::ListDistributionsResponse>(
      "ListDistributions",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                done(fleet.table().List(request));
              }));
  unary.Add<v1::CancelDistributionRequest, v1::Distribution>(
      "CancelDistribution",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                fleet.Cancel(request, std::move(done));
              }));
  unary.Add<v1::DeleteDistributionRequest, google::protobuf::Empty>(
      "DeleteDistribution",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                fleet.Delete(request, [done](const absl::Status& status) {
                  if (!status.ok()) return done(status);
                  done(google::protobuf::Empty());
                });
              }));
  unary.Add<v1::RetryDistributionRequest, v1::Distribution>(
      "RetryDistribution",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                fleet.Retry(request, std::move(done));
              }));
  unary.Add<v1::GetDeliveryRequest, v1::Delivery>(
      "GetDelivery",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                fleet.GetDelivery(request, std::move(done));
              }));
  unary.Add<v1::ListDeliveriesRequest, v1::ListDeliveriesResponse>(
      "ListDeliveries",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                fleet.ListDeliveries(request, std::move(done));
              }));
  unary.Add<v1::GetFleetNodeRequest, v1::FleetNode>(
      "GetFleetNode",
      InFleet(distributions_,
              [](Distributions& fleet, const auto& request, auto done) {
                fleet.GetNode(request, std::move(done));
              }));
  unary.Add<v1::ListNodesRequest, v1::ListNodesResponse>(
      "ListNodes", InFleet(distributions_, [](Distributions& fleet,
                                              const auto& request, auto done) {
        fleet.ListNodes(request, std::move(done));
      }));
  const auto& watch = *service.FindMethodByName("WatchDistributions");
  table.Add(watch, RequiredRole(watch),
            [this](Call::Headers headers) -> std::shared_ptr<Call> {
              if (distributions_ == nullptr) {
                return std::make_shared<RefusedCall>(std::move(headers),
                                                     NoFleet());
              }
              return std::make_shared<WatchReactor<DistributionWatch>>(
                  std::move(headers), distributions_->table(), hub_);
            });
  const auto& upload = *service.FindMethodByName("UploadDistribution");
  table.Add(
      upload, RequiredRole(upload),
      [this](Call::Headers headers) -> std::shared_ptr<Call> {
        if (distributions_ == nullptr) {
          return std::make_shared<RefusedCall>(std::move(headers), NoFleet());
        }
        return std::make_shared<UploadReactor<DistributionUploads>>(
            std::move(headers), DistributionUploads{*distributions_, uploads_},
            *upload_worker_);
      });
}

}  // namespace tcptool::server
