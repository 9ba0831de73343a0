#include "server/rpc/node_service.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "messages/time.h"
#include "server/security/data_tls.h"

namespace tcptool::server {
namespace {

using Spaces = std::vector<ContentRoots::Space>;

void AddRoots(const Spaces& spaces,
              google::protobuf::RepeatedPtrField<v1::Root>& roots) {
  for (const auto& [name, space] : spaces) {
    v1::Root& root = *roots.Add();
    root.set_name(name);
    if (space.free_bytes) {
      root.set_free_bytes(static_cast<int64_t>(*space.free_bytes));
      root.set_total_bytes(static_cast<int64_t>(*space.total_bytes));
    }
  }
}

}  // namespace

NodeService::NodeService(v1::Node node, const ContentRoots& roots,
                         const ContentRoots& writable_roots,
                         SessionManager& manager, const TlsContext* data_tls)
    : node_(std::move(node)),
      roots_(roots),
      writable_roots_(writable_roots),
      manager_(manager),
      data_tls_(data_tls),
      start_(std::chrono::steady_clock::now()) {}

void NodeService::AddTo(MethodTable& table) {
  const auto& method = *v1::GetNodeRequest::descriptor()
                            ->file()
                            ->FindServiceByName("NodeService")
                            ->FindMethodByName("GetNode");
  table.Add(
      method, RequiredRole(method),
      [function =
           GetNodeCall::Function([this](const auto&, const auto&, auto done) {
             GetNode(std::move(done));
           })](Call::Headers headers) {
        return std::make_shared<GetNodeCall>(std::move(headers), function);
      });
}

void NodeService::GetNode(GetNodeCall::Done done) {
  // Both kinds of roots are asked at once, as each may take its whole deadline.
  struct Answer {
    absl::Mutex mutex;
    v1::Node node;
    int missing = 2;
  };
  auto answer = std::make_shared<Answer>();
  answer->node = node_;
  const auto uptime = std::chrono::steady_clock::now() - start_;
  answer->node.mutable_uptime()->set_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(uptime).count());
  if (data_tls_ != nullptr) {
    *answer->node.mutable_data_tls()->mutable_certificate_expire_time() =
        ToTimestamp(CertificateExpiry(*data_tls_));
  }
  const auto add = [this, answer, done = std::move(done)](
                       google::protobuf::RepeatedPtrField<v1::Root>& roots) {
    return [this, answer, done, &roots](const Spaces& spaces) {
      {
        absl::MutexLock lock(&answer->mutex);
        AddRoots(spaces, roots);
        if (--answer->missing > 0) return;
      }
      AddPorts(std::move(answer->node), done);
    };
  };
  roots_.GetSpaces(add(*answer->node.mutable_roots()));
  writable_roots_.GetSpaces(add(*answer->node.mutable_writable_roots()));
}

void NodeService::AddPorts(v1::Node node, const GetNodeCall::Done& done) {
  manager_.PortsInUse([node = std::move(node),
                       done](const std::vector<uint16_t>& ports) mutable {
    for (const uint16_t port : ports) node.add_ports_in_use(port);
    done(std::move(node));
  });
}

}  // namespace tcptool::server
