// One UploadContent stream.
#ifndef TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_
#define TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <asio/thread_pool.hpp>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/sessions/session_manager.h"
#include "server/sessions/upload.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Reads a message when the session has room for it, and not before: gRPC's flow
// control then holds the client back, and the slowest recipient sets the pace.
// Frees itself when gRPC is done with it.
class UploadReactor : public grpc::ServerReadReactor<v1::UploadContentRequest>,
                      public std::enable_shared_from_this<UploadReactor> {
 public:
  // `worker` asks gRPC for the next message in place of the lanes, which must
  // not do its work. `response` is gRPC's, until the call is finished.
  static UploadReactor* Start(SessionManager& manager,
                              asio::thread_pool& worker,
                              v1::UploadContentResponse* response);

  UploadReactor(SessionManager& manager, asio::thread_pool& worker,
                v1::UploadContentResponse* response)
      : manager_(manager), worker_(worker), response_(response) {}

  void OnReadDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // request_ is the first message.
  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnOpened(absl::StatusOr<std::unique_ptr<Upload>> upload);
  // The session has room again, or has ended.
  void OnChange();
  void Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Answers with the session, as it is once its length is known.
  void Succeed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the call, and fails the session if the content is not whole.
  void Break(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  SessionManager& manager_;
  asio::thread_pool& worker_;
  v1::UploadContentResponse* const response_;
  absl::Mutex mutex_;
  // Until OnDone(). The manager may have it for longer.
  std::shared_ptr<UploadReactor> self_ ABSL_GUARDED_BY(mutex_);
  // gRPC writes to it between StartRead() and OnReadDone().
  v1::UploadContentRequest request_;
  std::unique_ptr<Upload> upload_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool succeeding_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_UPLOAD_REACTOR_H_
