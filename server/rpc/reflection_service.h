// gRPC's server reflection: what the API looks like, for tools like grpcurl.
#ifndef TCPTOOL_SERVER_RPC_REFLECTION_SERVICE_H_
#define TCPTOOL_SERVER_RPC_REFLECTION_SERVICE_H_

#include <set>
#include <string>

#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "server/rpc/method_table.h"

namespace tcptool::server {

// For viewers. gRPC's own is not used: it has a thread for each of its calls,
// and does not ask who makes them.
class ReflectionService : public RpcService {
 public:
  // Describes the services that are in the table by then, and itself.
  void AddTo(MethodTable& table) override;

 private:
  class ReflectionCall;

  grpc::reflection::v1alpha::ServerReflectionResponse Answer(
      const grpc::reflection::v1alpha::ServerReflectionRequest& request) const;

  std::set<std::string> services_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_REFLECTION_SERVICE_H_
