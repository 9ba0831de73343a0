#include "server/rpc/session_service.h"

#include <utility>

#include "server/rpc/unary_methods.h"
#include "server/rpc/upload_reactor.h"
#include "server/rpc/wait_reactor.h"
#include "server/rpc/watch_reactor.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {
void SessionService::AddTo(MethodTable& table) {
  const google::protobuf::ServiceDescriptor& service =
      *v1::CreateSessionRequest::descriptor()->file()->FindServiceByName(
          "SessionService");
  UnaryMethods unary(table, service);
  unary.AddWithCaller<v1::CreateSessionRequest, v1::Session>(
      "CreateSession",
      [this](const auto& request, const Caller& caller, auto done) {
        manager_.Create(request, caller.identity(), std::move(done));
      },
      [this](const auto& request) { return manager_.CheckSpec(request); });
  unary.Add<v1::GetSessionRequest, v1::Session>(
      "GetSession", [this](const auto& request, auto done) {
        done(table_.Get(request.name(), request.view()));
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
  unary.AddWithCaller<v1::RetrySessionRequest, v1::Session>(
      "RetrySession",
      [this](const auto& request, const Caller& caller, auto done) {
        manager_.Retry(request, caller.identity(), std::move(done));
      });
  unary.Add<v1::UpdateSessionRequest, v1::Session>(
      "UpdateSession",
      [this](const auto& request, auto done) {
        manager_.Update(request, std::move(done));
      },
      [this](const auto& request) { return manager_.CheckSpec(request); });
  unary.Add<v1::GetRecipientRequest, v1::Recipient>(
      "GetRecipient", [this](const auto& request, auto done) {
        done(table_.GetRecipient(request.name()));
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
    return std::make_shared<WatchReactor<SessionWatch>>(std::move(headers),
                                                        table_, hub_);
  });
  const auto& wait = *service.FindMethodByName("WaitSession");
  table.Add(wait, RequiredRole(wait), [this](Call::Headers headers) {
    return std::make_shared<WaitReactor>(std::move(headers), table_, hub_);
  });
  const auto& upload = *service.FindMethodByName("UploadContent");
  table.Add(upload, RequiredRole(upload), [this](Call::Headers headers) {
    return std::make_shared<UploadReactor<SessionUploads>>(
        std::move(headers), SessionUploads{manager_}, upload_worker_);
  });
}

}  // namespace tcptool::server
