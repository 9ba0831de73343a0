#include "server/rpc/session_service.h"

#include <utility>

#include "server/api/grpc_status.h"
#include "server/api/request_checks.h"
#include "server/rpc/upload_reactor.h"
#include "server/rpc/watch_reactor.h"

namespace tcptool::server {
namespace {

// Ends a call with `result`: its value goes to `response`.
template <typename Message>
void Finish(grpc::ServerUnaryReactor* reactor, Message* response,
            absl::StatusOr<Message> result) {
  if (result.ok()) *response = *std::move(result);
  reactor->Finish(ToGrpc(result.status()));
}

// Answers a request that is right by itself with what `call` gives to the
// function that it is called with.
template <typename Request, typename Message, typename Call>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                 const Request& request, Message* response,
                                 Call call) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (absl::Status status = CheckRequest(request); !status.ok()) {
    reactor->Finish(ToGrpc(status));
    return reactor;
  }
  call([reactor, response](absl::StatusOr<Message> result) {
    Finish(reactor, response, std::move(result));
  });
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* SessionService::CreateSession(
    grpc::CallbackServerContext* context,
    const v1::CreateSessionRequest* request, v1::Session* response) {
  return Answer(context, *request, response,
                [&](auto done) { manager_.Create(*request, std::move(done)); });
}

grpc::ServerUnaryReactor* SessionService::GetSession(
    grpc::CallbackServerContext* context, const v1::GetSessionRequest* request,
    v1::Session* response) {
  return Answer(context, *request, response,
                [&](auto done) { done(table_.Get(request->name())); });
}

grpc::ServerUnaryReactor* SessionService::ListSessions(
    grpc::CallbackServerContext* context,
    const v1::ListSessionsRequest* request,
    v1::ListSessionsResponse* response) {
  return Answer(context, *request, response,
                [&](auto done) { done(table_.List(*request)); });
}

grpc::ServerWriteReactor<v1::WatchSessionsResponse>*
SessionService::WatchSessions(grpc::CallbackServerContext*,
                              const v1::WatchSessionsRequest* request) {
  return WatchReactor::Start(table_, hub_, *request);
}

grpc::ServerUnaryReactor* SessionService::StartSession(
    grpc::CallbackServerContext* context,
    const v1::StartSessionRequest* request, v1::Session* response) {
  return Answer(context, *request, response,
                [&](auto done) { manager_.Start(*request, std::move(done)); });
}

grpc::ServerUnaryReactor* SessionService::CancelSession(
    grpc::CallbackServerContext* context,
    const v1::CancelSessionRequest* request, v1::Session* response) {
  return Answer(context, *request, response,
                [&](auto done) { manager_.Cancel(*request, std::move(done)); });
}

grpc::ServerUnaryReactor* SessionService::DeleteSession(
    grpc::CallbackServerContext* context,
    const v1::DeleteSessionRequest* request,
    google::protobuf::Empty* response) {
  return Answer(context, *request, response, [&](auto done) {
    manager_.Delete(*request, [done](const absl::Status& status) {
      if (!status.ok()) return done(status);
      done(google::protobuf::Empty());
    });
  });
}

grpc::ServerUnaryReactor* SessionService::ListRecipients(
    grpc::CallbackServerContext* context,
    const v1::ListRecipientsRequest* request,
    v1::ListRecipientsResponse* response) {
  return Answer(context, *request, response,
                [&](auto done) { done(table_.ListRecipients(*request)); });
}

grpc::ServerUnaryReactor* SessionService::DropRecipient(
    grpc::CallbackServerContext* context,
    const v1::DropRecipientRequest* request, v1::Recipient* response) {
  return Answer(context, *request, response,
                [&](auto done) { manager_.Drop(*request, std::move(done)); });
}

grpc::ServerReadReactor<v1::UploadContentRequest>*
SessionService::UploadContent(grpc::CallbackServerContext*,
                              v1::UploadContentResponse* response) {
  return UploadReactor::Start(manager_, upload_worker_, response);
}

}  // namespace tcptool::server
