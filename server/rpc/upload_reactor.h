// One stream of UploadContent or UploadDistribution.
#ifndef TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_
#define TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_

#include <asio/thread_pool.hpp>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/call.h"
#include "server/rpc/upload_targets.h"

namespace tcptool::server {

// Reads a message when there is room for it, and not before: gRPC's flow
// control then holds the client back, and the slowest recipient of a session,
// or the disk of a distribution's node, sets the pace. `Target`: one of
// upload_targets.h.
template <typename Target>
class UploadReactor : public Call {
 public:
  // `worker` makes gRPC's read calls, which would cost the lanes time; it
  // outlives the call.
  UploadReactor(Headers headers, Target target, asio::thread_pool& worker)
      : Call(std::move(headers)), target_(target), worker_(worker) {}

  void Begin() override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Upload = typename Target::Upload;
  using Response = typename Target::Response;

  void OnRead(bool ok) override;
  // request_ is the first message.
  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnOpened(absl::StatusOr<std::unique_ptr<Upload>> upload);
  // There is room again, or the upload is closed.
  void OnChange();
  void Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // All has come: responds once that can be done.
  void Succeed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(const absl::StatusOr<Response>& response);
  // Ends the call, and fails what is uploaded to.
  void BreakOff(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOnce(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::shared_ptr<UploadReactor> Self();

  const Target target_;
  asio::thread_pool& worker_;
  absl::Mutex mutex_;
  typename Target::Request request_ ABSL_GUARDED_BY(mutex_);  // The last.
  std::unique_ptr<Upload> upload_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool succeeding_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_
