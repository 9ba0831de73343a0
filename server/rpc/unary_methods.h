// How a service adds its unary methods to the table.
#ifndef TCPTOOL_SERVER_RPC_UNARY_METHODS_H_
#define TCPTOOL_SERVER_RPC_UNARY_METHODS_H_

#include <google/protobuf/descriptor.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/api/invalid_field.h"
#include "server/api/request_checks.h"
#include "server/rpc/method_table.h"
#include "server/rpc/unary_call.h"
#include "server/security/role.h"

namespace tcptool::server {

class UnaryMethods {
 public:
  // Of `service`. Both outlive it.
  UnaryMethods(MethodTable& table,
               const google::protobuf::ServiceDescriptor& service)
      : table_(table), service_(service) {}

  // What is wrong with the spec in a request.
  template <typename Request>
  using SpecCheck = std::function<absl::Status(const Request&)>;

  // `function` gets requests that CheckRequest() accepts, and checks their
  // specs itself. The error of one that is refused has what `check_spec` finds
  // as well.
  template <typename Request, typename Response>
  void Add(const std::string& name,
           std::function<void(const Request&,
                              typename UnaryCall<Request, Response>::Done)>
               function,
           SpecCheck<Request> check_spec = nullptr) {
    AddWithCaller<Request, Response>(
        name,
        [function = std::move(function)](const Request& request, const Caller&,
                                         auto done) {
          function(request, std::move(done));
        },
        std::move(check_spec));
  }
  // The same of one that wants to know who calls.
  template <typename Request, typename Response>
  void AddWithCaller(const std::string& name,
                     typename UnaryCall<Request, Response>::Function function,
                     SpecCheck<Request> check_spec = nullptr) {
    const auto& method = *service_.FindMethodByName(name);
    table_.Add(method, RequiredRole(method),
               [checked = Checked<Request, Response>(std::move(function),
                                                     std::move(check_spec))](
                   Call::Headers headers) {
                 return std::make_shared<UnaryCall<Request, Response>>(
                     std::move(headers), checked);
               });
  }

 private:
  template <typename Request, typename Response>
  static typename UnaryCall<Request, Response>::Function Checked(
      typename UnaryCall<Request, Response>::Function function,
      SpecCheck<Request> check_spec) {
    return [function = std::move(function), check_spec = std::move(check_spec)](
               const Request& request, const Caller& caller, auto done) {
      if (absl::Status status = CheckRequest(request); !status.ok()) {
        if (check_spec == nullptr) return done(status);
        return done(BothChecks(status, check_spec(request)));
      }
      function(request, caller, std::move(done));
    };
  }

  MethodTable& table_;
  const google::protobuf::ServiceDescriptor& service_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_UNARY_METHODS_H_
