// One call of the control API, from its headers to its status.
#ifndef TCPTOOL_SERVER_RPC_CALL_H_
#define TCPTOOL_SERVER_RPC_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/security/role.h"

namespace tcptool::server {

class OpenCalls;

// Every method is a stream of bytes in both directions to gRPC, which so tells
// of a call when its headers are there, and before it has taken any message.
// Subclasses are the kinds of methods; they read, write and end the call. gRPC
// calls the reactions on its threads; OpenCalls holds the call until OnDone().
class Call : public grpc::ServerGenericBidiReactor,
             public std::enable_shared_from_this<Call> {
 public:
  using Clock = std::chrono::steady_clock;

  // What is known when the headers are there.
  struct Headers {
    grpc::GenericCallbackServerContext* context;  // gRPC's, until OnDone().
    Caller caller;
    Role required;
    OpenCalls* open;
  };

  explicit Call(Headers headers) : headers_(std::move(headers)) {}

  // The first thing that the call does. Called once.
  virtual void Begin() = 0;

  const Caller& caller() const { return headers_.caller; }
  Role required() const { return headers_.required; }
  grpc_call* grpc() const { return headers_.context->c_call(); }

  // Since when the call waits for a message of the client's; none if it does
  // not. Any thread.
  Clock::duration WaitingFor(Clock::time_point now) const;

  // Says why OpenCalls is about to cancel the call. Any thread.
  void SetCancelReason(absl::Status reason);

  void OnReadDone(bool ok) final;
  void OnDone() override;

 protected:
  // Takes the client's next message; OnRead() is called when it is there, or,
  // with false, when there will be none.
  void Read();
  virtual void OnRead(bool ok) = 0;
  // Puts what was read into `message`, and lets go of it. INVALID_ARGUMENT: it
  // is no message of that type.
  absl::Status Parse(google::protobuf::Message& message);

  // OnWriteDone() is called when there is room for the next message.
  void Write(const google::protobuf::Message& message);
  // Each call ends once, by one of these. It is logged, if it may change
  // something, under the caller's name when it began.
  void End(const absl::Status& status);
  void WriteAndEnd(const google::protobuf::Message& message);

  // The resource that the call is about, for the log. Before the end.
  void set_target(std::string target) { target_ = std::move(target); }
  const std::string& target() const { return target_; }
  // Why the call comes to an early end: what SetCancelReason() said, if it was
  // called, or else `otherwise`.
  absl::Status EndReason(absl::Status otherwise) const;
  // The same where gRPC says that the call was cancelled.
  absl::Status CancelReason() const;

 private:
  void Log(const absl::Status& status) const;

  const Headers headers_;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer sent_;  // gRPC's until it is written.
  std::string target_;
  // When Read() was called; 0: nothing is being read.
  std::atomic<Clock::rep> reading_since_ = 0;
  mutable absl::Mutex mutex_;
  absl::Status cancel_reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CALL_H_
