// Metrics of the calls of the control API: how many began, how they ended, and
// how long they took.
#ifndef TCPTOOL_SERVER_METRICS_GRPC_METRICS_H_
#define TCPTOOL_SERVER_METRICS_GRPC_METRICS_H_

#include <grpcpp/support/server_interceptor.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

namespace tcptool::server {

// Pass NewInterceptors() to the server's builder: every call is measured, of
// whichever service. The labels are the methods that the server has; calls of
// all other methods are counted together as "unknown". Any thread may call any
// method.
class GrpcMetrics {
 public:
  // `registry` outlives it, and it outlives the server.
  explicit GrpcMetrics(prometheus::Registry& registry);

  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  NewInterceptors();

 private:
  class Interceptor;
  class Factory;

  prometheus::Family<prometheus::Counter>& started_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Family<prometheus::Histogram>& seconds_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_METRICS_GRPC_METRICS_H_
