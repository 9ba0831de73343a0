// The methods that the control port serves.
#ifndef TCPTOOL_SERVER_RPC_METHOD_TABLE_H_
#define TCPTOOL_SERVER_RPC_METHOD_TABLE_H_

#include <google/protobuf/descriptor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/rpc/call.h"
#include "server/security/role.h"

namespace tcptool::server {

// Filled before the server starts, and constant afterwards.
class MethodTable {
 public:
  using NewCall = std::function<std::shared_ptr<Call>(Call::Headers)>;
  struct Method {
    Role required;
    NewCall new_call;
  };

  // `new_call` creates the object for each call of `method`.
  void Add(const google::protobuf::MethodDescriptor& method, Role required,
           NewCall new_call);

  // By "/package.Service/Method"; nullptr: there is no such method.
  const Method* Find(absl::string_view path) const;
  // The services of which a method was added, in that order.
  const std::vector<const google::protobuf::ServiceDescriptor*>& services()
      const {
    return services_;
  }

 private:
  absl::flat_hash_map<std::string, Method> methods_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
};

// A service: adds its methods to the table.
class RpcService {
 public:
  virtual ~RpcService() = default;
  // The service must outlive the server, and so its calls.
  virtual void AddTo(MethodTable& table) = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_METHOD_TABLE_H_
