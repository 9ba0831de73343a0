// The gRPC face of the session manager and the session table.
#ifndef TCPTOOL_SERVER_RPC_SESSION_SERVICE_H_
#define TCPTOOL_SERVER_RPC_SESSION_SERVICE_H_

#include <asio/thread_pool.hpp>

#include "server/sessions/session_manager.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session_service.grpc.pb.h"

namespace tcptool::server {

// Methods are described in session_service.proto. None of them waits.
class SessionService : public v1::SessionService::CallbackService {
 public:
  // All of them outlive the service.
  SessionService(SessionManager& manager, const SessionTable& table,
                 WatchHub& hub)
      : manager_(manager), table_(table), hub_(hub) {}

  grpc::ServerUnaryReactor* CreateSession(
      grpc::CallbackServerContext* context,
      const v1::CreateSessionRequest* request, v1::Session* response) override;
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::Session* response) override;
  grpc::ServerUnaryReactor* ListSessions(
      grpc::CallbackServerContext* context,
      const v1::ListSessionsRequest* request,
      v1::ListSessionsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSessionsResponse>* WatchSessions(
      grpc::CallbackServerContext* context,
      const v1::WatchSessionsRequest* request) override;
  grpc::ServerUnaryReactor* StartSession(grpc::CallbackServerContext* context,
                                         const v1::StartSessionRequest* request,
                                         v1::Session* response) override;
  grpc::ServerUnaryReactor* CancelSession(
      grpc::CallbackServerContext* context,
      const v1::CancelSessionRequest* request, v1::Session* response) override;
  grpc::ServerUnaryReactor* DeleteSession(
      grpc::CallbackServerContext* context,
      const v1::DeleteSessionRequest* request,
      google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* ListRecipients(
      grpc::CallbackServerContext* context,
      const v1::ListRecipientsRequest* request,
      v1::ListRecipientsResponse* response) override;
  grpc::ServerUnaryReactor* DropRecipient(
      grpc::CallbackServerContext* context,
      const v1::DropRecipientRequest* request,
      v1::Recipient* response) override;
  grpc::ServerReadReactor<v1::UploadContentRequest>* UploadContent(
      grpc::CallbackServerContext* context,
      v1::UploadContentResponse* response) override;

 private:
  SessionManager& manager_;
  const SessionTable& table_;
  WatchHub& hub_;
  // Asks for the messages of uploads; see UploadReactor.
  asio::thread_pool upload_worker_{1};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_SESSION_SERVICE_H_
