#include "server/metrics/grpc_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "messages/methods.h"

namespace tcptool::server {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

// Methods beside those of the API: of gRPC's own services, and of nodes.
constexpr std::array<absl::string_view, 4> kOtherMethods = {
    "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/tcptool.peer.v1.PeerService/Follow"};

// The labels of "/tcptool.v1.SessionService/GetSession". gRPC calls
// interceptors also for unknown methods, and before authentication: all paths
// that are not on the list share one series, so that callers cannot create
// series.
prometheus::Labels Labels(absl::string_view method) {
  if (!ApiMethods().contains(method) &&
      std::ranges::find(kOtherMethods, method) == kOtherMethods.end()) {
    return {{"grpc_service", "unknown"}, {"grpc_method", "unknown"}};
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(absl::StripPrefix(method, "/"), absl::MaxSplits('/', 1));
  return {{"grpc_service", std::string(parts.first)},
          {"grpc_method", std::string(parts.second)}};
}

// gRPC knows 17 codes; another counts as UNKNOWN.
std::string CodeName(grpc::StatusCode code) {
  const std::string name =
      absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
  return name.empty() ? "UNKNOWN" : name;
}

}  // namespace

class GrpcMetrics::Interceptor : public grpc::experimental::Interceptor {
 public:
  Interceptor(GrpcMetrics& metrics, absl::string_view method)
      : metrics_(metrics), labels_(Labels(method)) {
    metrics_.started_.Add(labels_).Increment();
  }

  // When the call is over, whatever became of it.
  ~Interceptor() override {
    const std::chrono::duration<double> taken =
        std::chrono::steady_clock::now() - start_;
    // Seconds: unary calls take milliseconds, watches and uploads up to hours.
    static const prometheus::Histogram::BucketBoundaries kBounds = {
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60, 3600};
    metrics_.seconds_.Add(labels_, kBounds).Observe(taken.count());
    labels_["grpc_code"] = CodeName(code_);
    metrics_.handled_.Add(labels_).Increment();
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      code_ = methods->GetSendStatus().error_code();
    }
    methods->Proceed();
  }

 private:
  GrpcMetrics& metrics_;
  prometheus::Labels labels_;
  const std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
  // Stays if the call ends without a status: the client is gone.
  grpc::StatusCode code_ = grpc::StatusCode::CANCELLED;
};

class GrpcMetrics::Factory : public ServerInterceptorFactoryInterface {
 public:
  explicit Factory(GrpcMetrics& metrics) : metrics_(metrics) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      ServerRpcInfo* info) override {
    return new Interceptor(metrics_, info->method());
  }

 private:
  GrpcMetrics& metrics_;
};

// The names are those of the interceptors that other languages have.
GrpcMetrics::GrpcMetrics(prometheus::Registry& registry)
    : started_(prometheus::BuildCounter()
                   .Name("grpc_server_started_total")
                   .Help("Calls that have begun.")
                   .Register(registry)),
      handled_(prometheus::BuildCounter()
                   .Name("grpc_server_handled_total")
                   .Help("Calls that have ended, by status code.")
                   .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("grpc_server_handling_seconds")
                   .Help("How long calls took.")
                   .Register(registry)) {}

std::unique_ptr<ServerInterceptorFactoryInterface>
GrpcMetrics::NewInterceptors() {
  return std::make_unique<Factory>(*this);
}

}  // namespace tcptool::server
