// The SessionService of the API, by the session manager and the session table.
#ifndef TCPTOOL_SERVER_RPC_SESSION_SERVICE_H_
#define TCPTOOL_SERVER_RPC_SESSION_SERVICE_H_

#include <asio/thread_pool.hpp>

#include "server/rpc/method_table.h"
#include "server/sessions/session_manager.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"

namespace tcptool::server {

// session_service.proto describes the methods. None of them blocks.
class SessionService : public RpcService {
 public:
  // All of them outlive the service.
  SessionService(SessionManager& manager, const SessionTable& table,
                 WatchHub& hub)
      : manager_(manager), table_(table), hub_(hub) {}

  void AddTo(MethodTable& table) override;

 private:
  SessionManager& manager_;
  const SessionTable& table_;
  WatchHub& hub_;
  // Reads the messages of uploads; see UploadReactor.
  asio::thread_pool upload_worker_{1};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_SESSION_SERVICE_H_
