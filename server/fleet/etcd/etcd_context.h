// What all calls of a client share.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_ETCD_CONTEXT_H_
#define TCPTOOL_SERVER_FLEET_ETCD_ETCD_CONTEXT_H_

#include <grpcpp/client_context.h>

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "server/fleet/etcd/endpoints.h"
#include "server/fleet/etcd/etcd_options.h"
#include "server/fleet/etcd/open_calls.h"

namespace tcptool::fleet {

// Of the executor's thread, except `open`.
struct EtcdContext {
  EtcdContext(const asio::any_io_executor& thread, EtcdOptions with)
      : executor(thread),
        options(std::move(with)),
        members(options),
        watched_members(options) {}

  const asio::any_io_executor executor;
  const EtcdOptions options;
  Endpoints members;
  // Watches have connections of their own: large answers hold them up there.
  Endpoints watched_members;
  // Of this client's user, if it has one and etcd knows of users; empty: there
  // is none yet.
  std::string token;
  bool knows_no_users = false;
  // Outlasts this, for callbacks of gRPC's that come last.
  const std::shared_ptr<OpenCalls> open = std::make_shared<OpenCalls>();
  bool stopped = false;  // Nothing begins any more, and nobody is called.
};

inline bool WantsToken(const EtcdContext& etcd) {
  return !etcd.options.user.empty() && etcd.token.empty() &&
         !etcd.knows_no_users;
}

inline void ForgetToken(EtcdContext& etcd) {
  etcd.token.clear();
  etcd.knows_no_users = false;
}

// What goes with every call. A member that has lost its leader refuses the
// call, in place of one that never ends or of an old answer.
inline void SetUpContext(const EtcdContext& etcd, grpc::ClientContext& call) {
  call.AddMetadata("hasleader", "true");
  if (!etcd.token.empty()) call.AddMetadata("token", etcd.token);
}

// Ends a call after `timeout`, by the monotonic clock.
inline void SetTimeout(std::chrono::milliseconds timeout,
                       grpc::ClientContext& call) {
  call.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                   gpr_time_from_millis(timeout.count(), GPR_TIMESPAN)));
}

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_ETCD_CONTEXT_H_
