// gRPC's health checking protocol: whether the service serves.
#ifndef TCPTOOL_SERVER_RPC_HEALTH_SERVICE_H_
#define TCPTOOL_SERVER_RPC_HEALTH_SERVICE_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.pb.h"
#include "server/rpc/method_table.h"
#include "server/rpc/unary_call.h"

namespace tcptool::server {

// Probes have no credentials, so everybody may call it. The dispatcher bounds
// how many of such calls there are at a time.
// Any thread may call any method.
class HealthService : public RpcService {
 public:
  HealthService();

  // All services that are in the table by then are SERVING, and so is "".
  void AddTo(MethodTable& table) override;

  // Sets the status of all services. SERVING at first.
  void SetServing(bool serving);

 private:
  class WatchCall;
  using CheckCall = UnaryCall<grpc::health::v1::HealthCheckRequest,
                              grpc::health::v1::HealthCheckResponse>;

  void Check(const grpc::health::v1::HealthCheckRequest& request,
             const CheckCall::Done& done) const;
  grpc::health::v1::HealthCheckResponse StateOf(
      const std::string& service) const;
  void AddWatch(std::shared_ptr<WatchCall> call);
  void RemoveWatch(const std::shared_ptr<WatchCall>& call);

  const CheckCall::Function check_;
  std::set<std::string> services_;
  mutable absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = true;
  std::set<std::shared_ptr<WatchCall>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_HEALTH_SERVICE_H_
