#include "server/rpc/node_service.h"

#include <asio/post.hpp>
#include <chrono>
#include <utility>

namespace tcptool::server {

NodeService::NodeService(v1::Node node, const ContentRoots& roots,
                         SessionManager& manager)
    : node_(std::move(node)),
      roots_(roots),
      manager_(manager),
      start_(std::chrono::steady_clock::now()) {}

grpc::ServerUnaryReactor* NodeService::GetNode(
    grpc::CallbackServerContext* context, const v1::GetNodeRequest*,
    v1::Node* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  *response = node_;
  const auto uptime = std::chrono::steady_clock::now() - start_;
  response->mutable_uptime()->set_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(uptime).count());
  asio::post(disk_, [this, reactor, response] {
    for (const ContentRoots::Space& space : roots_.Spaces()) {
      v1::Root& root = *response->add_roots();
      root.set_name(space.name);
      if (space.free_bytes) {
        root.set_free_bytes(static_cast<int64_t>(*space.free_bytes));
        root.set_total_bytes(static_cast<int64_t>(*space.total_bytes));
      }
    }
    manager_.PortsInUse([reactor, response](std::vector<uint16_t> ports) {
      for (const uint16_t port : ports) response->add_ports_in_use(port);
      reactor->Finish(grpc::Status::OK);
    });
  });
  return reactor;
}

}  // namespace tcptool::server
