// A call with one request and one answer.
#ifndef TCPTOOL_SERVER_RPC_UNARY_CALL_H_
#define TCPTOOL_SERVER_RPC_UNARY_CALL_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "server/rpc/call.h"
#include "server/security/audit.h"

namespace tcptool::server {

template <typename Request, typename Response>
class UnaryCall : public Call {
 public:
  using Done = std::function<void(absl::StatusOr<Response>)>;
  // Calls `done` once, on any thread. The request and the caller live as long
  // as the call.
  using Function =
      std::function<void(const Request&, const Caller& caller, Done done)>;

  // `function` outlives the call.
  UnaryCall(Headers headers, const Function& function)
      : Call(std::move(headers)), function_(function) {}

  void Begin() override { Read(); }

 private:
  void OnRead(bool ok) override {
    if (!ok) {
      return End(absl::InvalidArgumentError("the request has not come"));
    }
    if (absl::Status status = Parse(request_); !status.ok()) {
      return End(status);
    }
    set_target(TargetOf(request_));
    function_(
        request_, caller(),
        [self = shared_from_this(), this](absl::StatusOr<Response> response) {
          if (!response.ok()) return End(response.status());
          // The resource got its name by this call.
          if (target().empty()) set_target(NameIn(*response));
          WriteAndEnd(*response);
        });
  }

  const Function& function_;
  Request request_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_UNARY_CALL_H_
