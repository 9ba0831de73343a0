#include "server/rpc/session_service.h"

#include <functional>
#include <string>
#include <utility>

#include "server/api/request_checks.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/upload_reactor.h"
#include "server/rpc/watch_reactor.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {
namespace {

// Adds the unary methods of a service to the table.
class UnaryMethods {
 public:
  UnaryMethods(MethodTable& table,
               const google::protobuf::ServiceDescriptor& service)
      : table_(table), service_(service) {}

  // `function` gets requests that CheckRequest() accepts.
  template <typename Request, typename Response>
  void Add(const std::string& name,
           typename UnaryCall<Request, Response>::Function function) {
    const auto& method = *service_.FindMethodByName(name);
    table_.Add(method, RequiredRole(method),
               [checked = Checked<Request, Response>(std::move(function))](
                   Call::Headers headers) {
                 return std::make_shared<UnaryCall<Request, Response>>(
                     std::move(headers), checked);
               });
  }

 private:
  template <typename Request, typename Response>
  static typename UnaryCall<Request, Response>::Function Checked(
      typename UnaryCall<Request, Response>::Function function) {
    return [function = std::move(function)](const Request& request, auto done) {
      if (absl::Status status = CheckRequest(request); !status.ok()) {
        return done(status);
      }
      function(request, std::move(done));
    };
  }

  MethodTable& table_;
  const google::protobuf::ServiceDescriptor& service_;
};

}  // namespace

void SessionService::AddTo(MethodTable& table) {
  const google::protobuf::ServiceDescriptor& service =
      *v1::CreateSessionRequest::descriptor()->file()->FindServiceByName(
          "SessionService");
  UnaryMethods unary(table, service);
  unary.Add<v1::CreateSessionRequest, v1::Session>(
      "CreateSession", [this](const auto& request, auto done) {
        manager_.Create(request, std::move(done));
      });
  unary.Add<v1::GetSessionRequest, v1::Session>(
      "GetSession", [this](const auto& request, auto done) {
        done(table_.Get(request.name()));
      });
  unary.Add<v1::ListSessionsRequest, v1::ListSessionsResponse>(
      "ListSessions",
      [this](const auto& request, auto done) { done(table_.List(request)); });
  unary.Add<v1::StartSessionRequest, v1::Session>(
      "StartSession", [this](const auto& request, auto done) {
        manager_.Start(request, std::move(done));
      });
  unary.Add<v1::CancelSessionRequest, v1::Session>(
      "CancelSession", [this](const auto& request, auto done) {
        manager_.Cancel(request, std::move(done));
      });
  unary.Add<v1::DeleteSessionRequest, google::protobuf::Empty>(
      "DeleteSession", [this](const auto& request, auto done) {
        manager_.Delete(request, [done](const absl::Status& status) {
          if (!status.ok()) return done(status);
          done(google::protobuf::Empty());
        });
      });
  unary.Add<v1::ListRecipientsRequest, v1::ListRecipientsResponse>(
      "ListRecipients", [this](const auto& request, auto done) {
        done(table_.ListRecipients(request));
      });
  unary.Add<v1::DropRecipientRequest, v1::Recipient>(
      "DropRecipient", [this](const auto& request, auto done) {
        manager_.Drop(request, std::move(done));
      });

  const auto& watch = *service.FindMethodByName("WatchSessions");
  table.Add(watch, RequiredRole(watch), [this](Call::Headers headers) {
    return std::make_shared<WatchReactor>(std::move(headers), table_, hub_);
  });
  const auto& upload = *service.FindMethodByName("UploadContent");
  table.Add(upload, RequiredRole(upload), [this](Call::Headers headers) {
    return std::make_shared<UploadReactor>(std::move(headers), manager_,
                                           upload_worker_);
  });
}

}  // namespace tcptool::server
