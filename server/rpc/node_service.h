// What this node is and can do.
#ifndef TCPTOOL_SERVER_RPC_NODE_SERVICE_H_
#define TCPTOOL_SERVER_RPC_NODE_SERVICE_H_

#include <asio/thread_pool.hpp>
#include <chrono>

#include "server/sessions/content_roots.h"
#include "server/sessions/session_manager.h"
#include "tcptool/v1/node_service.grpc.pb.h"

namespace tcptool::server {

// Methods are described in node_service.proto.
class NodeService : public v1::NodeService::CallbackService {
 public:
  // `node` has what does not change while the service runs. The others outlive
  // the service.
  NodeService(v1::Node node, const ContentRoots& roots,
              SessionManager& manager);

  grpc::ServerUnaryReactor* GetNode(grpc::CallbackServerContext* context,
                                    const v1::GetNodeRequest* request,
                                    v1::Node* response) override;

 private:
  const v1::Node node_;
  const ContentRoots& roots_;
  SessionManager& manager_;
  const std::chrono::steady_clock::time_point start_;
  // Asks the roots' file systems, which may take their time.
  asio::thread_pool disk_{1};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_NODE_SERVICE_H_
