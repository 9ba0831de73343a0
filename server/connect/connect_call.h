// A call of the Connect protocol whose caller may make it.
#ifndef TCPTOOL_SERVER_CONNECT_CONNECT_CALL_H_
#define TCPTOOL_SERVER_CONNECT_CONNECT_CALL_H_

#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/status.h>

#include <asio/thread_pool.hpp>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/connect/codec.h"
#include "server/connect/in_process_call.h"
#include "server/connect/origins.h"
#include "server/connect/running_calls.h"
#include "server/http/http_api.h"
#include "server/rpc/vouched_peers.h"
#include "server/security/role.h"

namespace tcptool::server {

// How `error` is answered: of a stream in its last message, or else by the
// status of the response. `headers`: of the response.
HttpResponse ErrorResponse(const Codec& codec, const grpc::Status& error,
                           Origins::Headers headers);

// What calls share.
struct ConnectBackend {
  grpc::GenericStub& stub;
  VouchedPeers& callers;
  // Requests may take long to parse. All calls begin on its thread.
  asio::thread_pool& parser;
  // Once it is true, calls are refused in place of being made.
  const std::atomic<bool>& stopped;
  RunningCalls& running;
};

// Parses the request, has gRPC make the call, and tells what comes of it.
class ConnectCall : public HttpApi::Call,
                    public std::enable_shared_from_this<ConnectCall> {
 public:
  struct Options {
    const google::protobuf::MethodDescriptor& method;
    Role required;  // By the method.
    Codec codec;
    Peer peer;
    InProcessCall::Request request;  // Without its message.
    Origins::Headers headers;        // Of the response.
  };

  // `backend` outlives it.
  ConnectCall(Options options, const ConnectBackend& backend,
              HttpApi::Send send)
      : options_(std::move(options)),
        backend_(backend),
        send_(std::move(send)) {}

  Role required() const override { return options_.required; }
  void Begin(std::shared_ptr<const std::string> body) override;
  HttpResponse Refuse(const absl::Status& status) const override;
  void OnTaken() override;
  void Cancel() override;

 private:
  void Parse(const std::string& body);
  void OnMessage(std::string message);
  void OnEnd(const grpc::Status& status);
  // With the head, if it is the first one.
  void SendPart(std::string bytes, bool is_last);
  void SendError(const grpc::Status& error);

  const Options options_;
  const ConnectBackend& backend_;
  const HttpApi::Send send_;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<InProcessCall> call_ ABSL_GUARDED_BY(mutex_);
  // Only the reactions of the call use these, one after the other.
  bool has_head_ = false;
  std::optional<std::string> answer_;  // Of a call with one.
  absl::Status failure_;               // Why it was given up.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_CONNECT_CALL_H_
