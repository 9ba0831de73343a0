// The client's uploads.
#include <cstdint>
#include <string>
#include <utility>

#include "client/api/client.h"
#include "client/api/to_absl.h"

namespace tcptool {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;

// Reads until `data` is full or the content ends.
absl::Status Fill(Client::ContentReader reader, std::string& data) {
  data.resize(kChunkBytes);
  size_t filled = 0;
  while (filled < data.size()) {
    const absl::StatusOr<size_t> count =
        reader(data.data() + filled, data.size() - filled);
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    filled += *count;
  }
  data.resize(filled);
  return absl::OkStatus();
}

// Sends what `reader` gives by messages like `request`, and waits for the
// response.
template <typename Request>
absl::Status Send(grpc::ClientContext& context,
                  grpc::ClientWriter<Request>& stream, Request& request,
                  Client::ContentReader reader) {
  int64_t offset = 0;
  do {
    if (absl::Status status = Fill(reader, *request.mutable_data());
        !status.ok()) {
      context.TryCancel();
      stream.Finish();
      return status;
    }
    request.set_offset(offset);
    offset += static_cast<int64_t>(request.data().size());
    request.set_complete(request.data().size() < kChunkBytes);
  } while (stream.Write(request) && !request.complete());
  stream.WritesDone();
  return ToAbsl(stream.Finish());
}

}  // namespace

absl::StatusOr<v1::Session> Client::UploadContent(const std::string& session,
                                                  ContentReader reader) {
  grpc::ClientContext context;
  Authorize(context);
  v1::UploadContentResponse response;
  const auto stream = sessions_->UploadContent(&context, &response);
  v1::UploadContentRequest request;
  request.set_name(session);
  absl::Status status = Send(context, *stream, request, reader);
  if (!status.ok()) return status;
  return std::move(*response.mutable_session());
}

absl::StatusOr<v1::Distribution> Client::UploadDistribution(
    const std::string& distribution, ContentReader reader) {
  grpc::ClientContext context;
  Authorize(context);
  v1::UploadDistributionResponse response;
  const auto stream = distributions_->UploadDistribution(&context, &response);
  v1::UploadDistributionRequest request;
  request.set_name(distribution);
  // The upload begins at once: if the content never comes, it has broken off,
  // and nobody waits for it.
  stream->Write(request);
  absl::Status status = Send(context, *stream, request, reader);
  if (!status.ok()) return status;
  return std::move(*response.mutable_distribution());
}

}  // namespace tcptool
