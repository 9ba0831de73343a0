#include "server/session_service.h"

#include <utility>

#include "server/grpc_status.h"
#include "server/upload_reactor.h"
#include "server/watch_reactor.h"

namespace tcptool::server {
namespace {

// Ends a call with `result`: its value goes to `response`.
template <typename Message>
void Finish(grpc::ServerUnaryReactor* reactor, Message* response,
            absl::StatusOr<Message> result) {
  if (result.ok()) *response = *std::move(result);
  reactor->Finish(ToGrpc(result.status()));
}

// What a command calls when it is done.
template <typename Message>
auto Finisher(grpc::ServerUnaryReactor* reactor, Message* response) {
  return [reactor, response](absl::StatusOr<Message> result) {
    Finish(reactor, response, std::move(result));
  };
}

}  // namespace

grpc::ServerUnaryReactor* SessionService::CreateSession(
    grpc::CallbackServerContext* context,
    const v1::CreateSessionRequest* request, v1::Session* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  manager_.Create(*request, Finisher(reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* SessionService::GetSession(
    grpc::CallbackServerContext* context, const v1::GetSessionRequest* request,
    v1::Session* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Finish(reactor, response, table_.Get(request->name()));
  return reactor;
}

grpc::ServerUnaryReactor* SessionService::ListSessions(
    grpc::CallbackServerContext* context,
    const v1::ListSessionsRequest* request,
    v1::ListSessionsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Finish(reactor, response, table_.List(*request));
  return reactor;
}

grpc::ServerWriteReactor<v1::WatchSessionsResponse>*
SessionService::WatchSessions(grpc::CallbackServerContext*,
                              const v1::WatchSessionsRequest* request) {
  return WatchReactor::Start(table_, hub_, *request);
}

grpc::ServerUnaryReactor* SessionService::StartSession(
    grpc::CallbackServerContext* context,
    const v1::StartSessionRequest* request, v1::Session* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  manager_.Start(*request, Finisher(reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* SessionService::CancelSession(
    grpc::CallbackServerContext* context,
    const v1::CancelSessionRequest* request, v1::Session* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  manager_.Cancel(*request, Finisher(reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* SessionService::DeleteSession(
    grpc::CallbackServerContext* context,
    const v1::DeleteSessionRequest* request, google::protobuf::Empty*) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  manager_.Delete(*request, [reactor](const absl::Status& status) {
    reactor->Finish(ToGrpc(status));
  });
  return reactor;
}

grpc::ServerUnaryReactor* SessionService::ListRecipients(
    grpc::CallbackServerContext* context,
    const v1::ListRecipientsRequest* request,
    v1::ListRecipientsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Finish(reactor, response, table_.ListRecipients(*request));
  return reactor;
}

grpc::ServerUnaryReactor* SessionService::DropRecipient(
    grpc::CallbackServerContext* context,
    const v1::DropRecipientRequest* request, v1::Recipient* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  manager_.Drop(*request, Finisher(reactor, response));
  return reactor;
}

grpc::ServerReadReactor<v1::UploadContentRequest>*
SessionService::UploadContent(grpc::CallbackServerContext*,
                              v1::UploadContentResponse* response) {
  return UploadReactor::Start(manager_, upload_worker_, response);
}

}  // namespace tcptool::server
