// What this node is and can do.
#ifndef TCPTOOL_SERVER_RPC_NODE_SERVICE_H_
#define TCPTOOL_SERVER_RPC_NODE_SERVICE_H_

#include <chrono>

#include "server/rpc/method_table.h"
#include "server/rpc/unary_call.h"
#include "server/security/tls.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/session_manager.h"
#include "tcptool/v1/node_service.pb.h"

namespace tcptool::server {

// Methods are described in node_service.proto.
class NodeService : public RpcService {
 public:
  // `node` has what does not change while the service runs. The others outlive
  // the service. `data_tls`: of content; may be null.
  NodeService(v1::Node node, const ContentRoots& roots,
              const ContentRoots& writable_roots, SessionManager& manager,
              const TlsContext* data_tls = nullptr);

  void AddTo(MethodTable& table) override;

  using GetNodeCall = UnaryCall<v1::GetNodeRequest, v1::Node>;

  // Any thread. Waits for nothing; `done` is called once, on any thread.
  void GetNode(GetNodeCall::Done done);

 private:
  void AddPorts(v1::Node node, const GetNodeCall::Done& done);

  const v1::Node node_;
  const ContentRoots& roots_;
  const ContentRoots& writable_roots_;
  SessionManager& manager_;
  const TlsContext* const data_tls_;
  const std::chrono::steady_clock::time_point start_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_NODE_SERVICE_H_
