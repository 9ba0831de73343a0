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

// To gRPC, every method is a generic bidirectional stream of bytes, so that a
// call is announced when its headers have arrived, before any message is read.
// Subclasses are the kinds of methods; they read, write and end the call. gRPC
// calls the reactions (On...()) on its threads; OpenCalls holds a reference
// until OnDone().
class Call : public grpc::ServerGenericBidiReactor,
             public std::enable_shared_from_this<Call> {
 public:
  using Clock = std::chrono::steady_clock;

  // What is known when the headers have arrived.
  struct Headers {
    grpc::GenericCallbackServerContext* context;  // gRPC's, until OnDone().
    std::string peer;  // The client's address, for the log.
    // Counts the call, if it is one of a stranger's: Front::CountCall().
    std::shared_ptr<void> count;
    Caller caller;
    Role required;
    OpenCalls* open;
  };

  explicit Call(Headers headers) : headers_(std::move(headers)) {}

  // Starts the call. Called once.
  virtual void Begin() = 0;

  const Caller& caller() const { return headers_.caller; }
  Role required() const { return headers_.required; }
  grpc_call* grpc() const { return headers_.context->c_call(); }

  // How long the call has waited for the client: for its next message, or, once
  // it has ended, for the client to take its last message and status. Zero if
  // it waits for neither. Any thread.
  Clock::duration WaitingFor(Clock::time_point now) const;

  // Sets the reason for which OpenCalls is about to cancel the call. Any
  // thread.
  void SetCancelReason(absl::Status reason);

  void OnReadDone(bool ok) final;
  void OnWriteDone(bool ok) final;
  void OnDone() override;

 protected:
  // Reads the client's next message. OnRead(true) is called when it has
  // arrived, OnRead(false) if there is none.
  void Read();
  virtual void OnRead(bool ok) = 0;
  // Parses what was read into `message`, and frees it. INVALID_ARGUMENT: it is
  // no message of that type.
  absl::Status Parse(google::protobuf::Message& message);

  // OnWritten() is called when the next message can be written; false: the call
  // is lost.
  void Write(const google::protobuf::Message& message);
  virtual void OnWritten(bool /*ok*/) {}
  // Each call ends once, by one of these. A call that may change something is
  // logged, under the name that the caller had when it began.
  void End(const absl::Status& status);
  void WriteAndEnd(const google::protobuf::Message& message);

  // The client's address, as Headers::peer has it.
  const std::string& peer() const { return headers_.peer; }

  // The resource that the call is about, for the log. Before the end.
  void set_target(std::string target) { target_ = std::move(target); }
  const std::string& target() const { return target_; }
  // Why the call ends early: the reason given to SetCancelReason(), or else
  // `otherwise`.
  absl::Status EndReason(const absl::Status& otherwise) const;
  // The same for a call that gRPC reports as cancelled.
  absl::Status CancelReason() const;

 private:
  void Log(const absl::Status& status) const;

  const Headers headers_;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer sent_;  // gRPC reads it until it is written.
  std::string target_;
  // When Read() was called; 0: no read is pending.
  std::atomic<Clock::rep> reading_since_ = 0;
  std::atomic<Clock::rep> ended_since_ = 0;  // 0: it goes on.
  mutable absl::Mutex mutex_;
  absl::Status cancel_reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CALL_H_
