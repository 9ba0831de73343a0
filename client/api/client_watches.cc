// The client's watches, which go on when their connection is lost.
#include <utility>

#include "client/api/client.h"
#include "client/api/reconnection.h"
#include "client/api/to_absl.h"

namespace tcptool {

template <typename Request, typename Response, typename Open>
absl::Status Client::Watch(Request request,
                           absl::FunctionRef<bool(const Response&)> callback,
                           Open open) const {
  Reconnection reconnection(timeout_);
  while (true) {
    grpc::ClientContext context;
    Authorize(context);
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
    if (absl::IsOutOfRange(status)) {  // Take a new snapshot.
      request.set_resume_revision(0);
      continue;
    }
    if (!reconnection.TriesAgainAfter(status)) return status;
  }
}

absl::Status Client::WatchSessions(v1::WatchSessionsRequest request,
                                   WatchCallback callback) {
  return Watch(std::move(request), callback,
               [this](grpc::ClientContext& context, const auto& from) {
                 return sessions_->WatchSessions(&context, from);
               });
}

absl::Status Client::WatchReceptions(v1::WatchReceptionsRequest request,
                                     ReceptionsCallback callback) {
  return Watch(std::move(request), callback,
               [this](grpc::ClientContext& context, const auto& from) {
                 return receptions_->WatchReceptions(&context, from);
               });
}

absl::Status Client::WatchDistributions(v1::WatchDistributionsRequest request,
                                        DistributionsCallback callback) {
  return Watch(std::move(request), callback,
               [this](grpc::ClientContext& context, const auto& from) {
                 return distributions_->WatchDistributions(&context, from);
               });
}

}  // namespace tcptool
