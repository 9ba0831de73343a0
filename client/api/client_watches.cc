// The client's watches, which go on when their connection is lost.
#include <chrono>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "client/api/client.h"
#include "client/api/to_absl.h"

namespace tcptool {
namespace {

using std::chrono::steady_clock;

// The pause before a broken watch is started again; while there is no
// connection, gRPC's own backoff comes on top.
constexpr absl::Duration kWatchPause = absl::Milliseconds(500);

// Whether a watch ended because of its connection, not by the service: gRPC has
// these codes for a reset of the HTTP/2 stream, by which proxies end idle ones,
// and for lost connections.
bool IsConnectionError(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsInternal(status) ||
         absl::IsCancelled(status) || absl::IsUnknown(status);
}

}  // namespace

template <typename Request, typename Response, typename Open>
absl::Status Client::Watch(Request request,
                           absl::FunctionRef<bool(const Response&)> callback,
                           Open open) const {
  // Since when nothing has come from the service: the end of the last watch
  // that received a message. None: no message has come yet.
  std::optional<steady_clock::time_point> lost;
  while (true) {
    grpc::ClientContext context;
    Authorize(context);
    const auto stream = open(context, request);
    bool heard = false;
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
      heard = true;
    }
    const absl::Status status = ToAbsl(stream->Finish());
    if (absl::IsOutOfRange(status)) {  // Take a new snapshot.
      request.set_resume_revision(0);
      continue;
    }
    if (heard) lost = steady_clock::now();
    if (!IsConnectionError(status) || !lost ||
        steady_clock::now() - *lost > absl::ToChronoNanoseconds(timeout_)) {
      return status;
    }
    absl::SleepFor(kWatchPause);
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
