// The client's watches, which go on when their connection is lost.
#include <utility>

#include "client/api/client.h"
#include "client/api/reconnection.h"
#include "client/api/to_absl.h"

namespace tcptool {

template <typename Request, typename Response, typename Open>
absl::Status Client::Watch(Request request,
                           absl::FunctionRef<bool(const Response&)> callback,
                           const WatchOptions& options, Open open) const {
  Reconnection reconnection(timeout_);
  while (true) {
    grpc::ClientContext context;
    Authorize(context);
    const std::stop_callback cancel(options.stop,
                                    [&context] { context.TryCancel(); });
    const auto stream = open(context, request);
    Response response;
    while (stream->Read(&response)) {
      if (response.bookmark()) {
        request.set_resume_revision(response.revision());
      }
      if (!callback(response)) {
        context.TryCancel();
        stream->Finish();
        return absl::OkStatus();
      }
      reconnection.Heard();
    }
    const absl::Status status = ToAbsl(stream->Finish());
    if (options.stop.stop_requested()) return absl::OkStatus();
    if (absl::IsOutOfRange(status)) {
      request.set_resume_revision(0);
    } else if (!reconnection.TriesAgainAfter(status)) {
      return status;
    }
    if (request.resume_revision() == 0 && options.on_restart) {
      options.on_restart(status);
    }
  }
}

absl::Status Client::WatchSessions(v1::WatchSessionsRequest request,
                                   WatchCallback callback,
                                   const WatchOptions& options) {
  return Watch(std::move(request), callback, options,
               [this](grpc::ClientContext& context, const auto& from) {
                 return sessions_->WatchSessions(&context, from);
               });
}

absl::Status Client::WatchReceptions(v1::WatchReceptionsRequest request,
                                     ReceptionsCallback callback) {
  return Watch(std::move(request), callback, WatchOptions(),
               [this](grpc::ClientContext& context, const auto& from) {
                 return receptions_->WatchReceptions(&context, from);
               });
}

absl::Status Client::WatchDistributions(v1::WatchDistributionsRequest request,
                                        DistributionsCallback callback) {
  return Watch(std::move(request), callback, WatchOptions(),
               [this](grpc::ClientContext& context, const auto& from) {
                 return distributions_->WatchDistributions(&context, from);
               });
}

}  // namespace tcptool
