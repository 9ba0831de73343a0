#include "server/rpc/reception_service.h"

#include <memory>
#include <utility>

#include "server/api/reception_spec.h"
#include "server/rpc/unary_methods.h"
#include "server/rpc/watch_reactor.h"
#include "tcptool/v1/reception_service.pb.h"

namespace tcptool::server {

void ReceptionService::AddTo(MethodTable& table) {
  const google::protobuf::ServiceDescriptor& service =
      *v1::CreateReceptionRequest::descriptor()->file()->FindServiceByName(
          "ReceptionService");
  UnaryMethods unary(table, service);
  unary.AddWithCaller<v1::CreateReceptionRequest, v1::Reception>(
      "CreateReception",
      [this](const auto& request, const Caller& caller, auto done) {
        manager_.Create(request, caller.identity(), std::move(done));
      },
      [](const auto& request) {
        v1::ReceptionSpec spec = request.reception().spec();
        return ToReceptionPlan(spec).status();
      });
  unary.Add<v1::GetReceptionRequest, v1::Reception>(
      "GetReception", [this](const auto& request, auto done) {
        done(table_.Get(request.name(), request.view()));
      });
  unary.Add<v1::ListReceptionsRequest, v1::ListReceptionsResponse>(
      "ListReceptions",
      [this](const auto& request, auto done) { done(table_.List(request)); });
  unary.Add<v1::CancelReceptionRequest, v1::Reception>(
      "CancelReception", [this](const auto& request, auto done) {
        manager_.Cancel(request, std::move(done));
      });
  unary.Add<v1::DeleteReceptionRequest, google::protobuf::Empty>(
      "DeleteReception", [this](const auto& request, auto done) {
        manager_.Delete(request, [done](const absl::Status& status) {
          if (!status.ok()) return done(status);
          done(google::protobuf::Empty());
        });
      });
  const auto& watch = *service.FindMethodByName("WatchReceptions");
  table.Add(watch, RequiredRole(watch), [this](Call::Headers headers) {
    return std::make_shared<WatchReactor<ReceptionWatch>>(std::move(headers),
                                                          table_, hub_);
  });
}

}  // namespace tcptool::server
