// Where every call enters: authentication, authorization, its method.
#ifndef TCPTOOL_SERVER_RPC_DISPATCHER_H_
#define TCPTOOL_SERVER_RPC_DISPATCHER_H_

#include <grpcpp/generic/async_generic_service.h>

#include <chrono>
#include <memory>
#include <string>

#include "server/front/front.h"
#include "server/rpc/method_table.h"
#include "server/rpc/open_calls.h"
#include "server/rpc/vouched_peers.h"
#include "server/security/audit.h"
#include "server/security/auth.h"

namespace tcptool::server {

// The one service that gRPC knows: the calls of all methods come here, those
// of unknown ones too, as soon as their headers are there. No service has
// another way in, so none can forget to ask who calls.
class Dispatcher : public grpc::CallbackGenericService {
 public:
  // `front`: where the connections come from, which outlives the calls; null:
  // from the clients themselves. A client that the service waits for must send
  // its next message within `idle_limit`, and take its last one in that time.
  Dispatcher(std::shared_ptr<Auth> auth, Front* front, MethodTable methods,
             std::chrono::seconds idle_limit)
      : auth_(std::move(auth)),
        front_(front),
        methods_(std::move(methods)),
        idle_limit_(idle_limit) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

  const MethodTable& methods() const { return methods_; }
  // For those who make calls for others over a channel within the process.
  VouchedPeers& vouched_peers() { return *vouched_peers_; }

  // Who calls the method at `path`, with such metadata. UNAUTHENTICATED or
  // PERMISSION_DENIED, which is in the log: that one may not. Any thread; it
  // does not wait.
  absl::StatusOr<Caller> Admit(const std::string& path,
                               const Auth::Metadata& metadata,
                               const Peer& peer);

  // Call it about once a second, on one thread: ends the calls whose token was
  // revoked, with the connections that were trusted for it alone, and the calls
  // that have waited too long for their client.
  void Tick();

  // Waits until no call is open, at most for `timeout`.
  void WaitUntilIdle(std::chrono::nanoseconds timeout) {
    open_.WaitUntilNone(timeout);
  }

 private:
  Front::Visitor VisitorOf(
      const grpc::GenericCallbackServerContext& context) const;
  std::shared_ptr<Call> NewCall(grpc::GenericCallbackServerContext& context);
  absl::Status WhyCancel(const Call& call, bool recheck) const;

  const std::shared_ptr<Auth> auth_;
  Front* const front_;
  const MethodTable methods_;
  const std::chrono::seconds idle_limit_;
  const std::shared_ptr<VouchedPeers> vouched_peers_ =
      std::make_shared<VouchedPeers>();
  RefusalLog refusals_;
  int version_ = 0;  // Of the tokens that open calls were rechecked for.
  // How often calls and connections are still to be rechecked. Twice after a
  // change of the tokens: a call that was being admitted during the change may
  // not be in open_, nor its connection trusted, yet at the first time.
  int rechecks_ = 0;
  OpenCalls open_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_DISPATCHER_H_
