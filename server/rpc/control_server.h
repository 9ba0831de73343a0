// The gRPC server of the control API: where it listens, who may call, and what
// a client may cost.
#ifndef TCPTOOL_SERVER_RPC_CONTROL_SERVER_H_
#define TCPTOOL_SERVER_RPC_CONTROL_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"
#include "server/front/front.h"
#include "server/rpc/control_listener.h"
#include "server/rpc/control_options.h"
#include "server/rpc/control_probe.h"
#include "server/rpc/dispatcher.h"
#include "server/rpc/health_service.h"
#include "server/rpc/method_table.h"
#include "server/rpc/reflection_service.h"
#include "server/security/credential_reloader.h"
#include "server/security/security_options.h"
#include "server/security/tls.h"

namespace tcptool::server {

// Serves health checking and reflection too.
class ControlServer {
 public:
  // Called for each call, in this order.
  using Interceptors = std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>;

  // Listens and serves. The services, and what the interceptors need, must
  // outlive the server. `on_reachable`: called on a thread of the server's when
  // works() has changed. UNAVAILABLE: it cannot listen; INVALID_ARGUMENT: a
  // file that the security options name is invalid. The message says what to
  // do.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(
      const ControlOptions& options, const SecurityOptions& security,
      const std::vector<RpcService*>& services, Interceptors interceptors,
      ControlProbe::OnChange on_reachable = [](bool) {});

  // Checks the files that the security options name, as Start() does.
  static absl::Status Check(const SecurityOptions& security);

  ~ControlServer();

  // With the actual port.
  const std::string& address() const { return listener_->address(); }

  // Whether clients can reach it: see ControlProbe. Any thread.
  bool works() const { return probe_->works(); }

  // For calls from within the process: as any other call, each needs the
  // credentials of whom it is made for; see VouchedPeers. It goes with Stop().
  std::shared_ptr<grpc::Channel> InProcessChannel();
  // Who may make those calls, and what there is to call.
  Dispatcher& dispatcher() { return *dispatcher_; }

  // Says to who checks the health that this server is going away;
  // while works() is false, they are told the same.
  void StopServing();
  // The same while another port of the process cannot be reached. Any thread.
  void SetOtherWorks(bool works);
  // Cancels the calls that are still open after `grace`, and returns when all
  // have ended. Without open calls it does not wait.
  void Stop(std::chrono::milliseconds grace);

 private:
  ControlServer() = default;

  // When this returns, gRPC gets no connection any more.
  void StopAccepting();
  void GiveToGrpc(dataplane::UniqueFd connection);
  // A call to gRPC, as one that has passed the listener and the front.
  absl::Status TryCall(std::chrono::milliseconds timeout);
  void Tick();
  void TellReload();
  void TellHealth() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  HealthService health_;
  ReflectionService reflection_;
  std::shared_ptr<TlsContext> tls_;  // Null without TLS.
  // These two only where callers have tokens, or use TLS.
  std::unique_ptr<CredentialReloader> reloader_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<ControlListener> listener_;
  // Of gRPC's: takes the connections of the listener's, or the front's.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyCondVar stopped_changed_;
  bool unreachable_ ABSL_GUARDED_BY(mutex_) = false;
  bool other_unreachable_ ABSL_GUARDED_BY(mutex_) = false;
  bool stops_serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;  // gRPC gets no connection more.
  bool reload_hangs_ = false;                  // Only Tick() uses it.
  std::thread ticker_;                         // Runs Tick().
  std::unique_ptr<ControlProbe> probe_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CONTROL_SERVER_H_
