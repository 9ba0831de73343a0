// One UploadContent stream.
#ifndef TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_
#define TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_

#include <asio/thread_pool.hpp>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/call.h"
#include "server/sessions/session_manager.h"
#include "server/sessions/upload.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Reads a message when the session has room for it, and not before: gRPC's flow
// control then holds the client back, and the slowest recipient sets the pace.
class UploadReactor : public Call {
 public:
  // `worker` makes gRPC's read calls, which would cost the lanes time. Both
  // outlive the call.
  UploadReactor(Headers headers, SessionManager& manager,
                asio::thread_pool& worker)
      : Call(std::move(headers)), manager_(manager), worker_(worker) {}

  void Begin() override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void OnRead(bool ok) override;
  // request_ is the first message.
  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnOpened(absl::StatusOr<std::unique_ptr<Upload>> upload);
  // The session has room again, or has ended.
  void OnChange();
  void Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Responds with the session once its length is known.
  void Succeed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the call, and fails the session.
  void BreakOff(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOnce(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::shared_ptr<UploadReactor> Self();

  SessionManager& manager_;
  asio::thread_pool& worker_;
  absl::Mutex mutex_;
  v1::UploadContentRequest request_ ABSL_GUARDED_BY(mutex_);  // The last.
  std::unique_ptr<Upload> upload_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool succeeding_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_
