#include "server/sessions/upload.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

// What a block costs beside its bytes: the string, the shared pointer and their
// places in the queues, rounded up.
constexpr size_t kBlockOverhead = 256;

}  // namespace

absl::Status Upload::Take(v1::UploadContentRequest& request) {
  if (absl::Status status = order_.Take(request); !status.ok()) return status;
  if (!request.data().empty()) {
    const auto data =
        std::make_shared<const std::string>(std::move(*request.mutable_data()));
    has_room_ = source_->Append({.owner = data,
                                 .data = std::as_bytes(std::span(*data)),
                                 .memory = data->capacity() + kBlockOverhead});
  }
  if (request.complete()) source_->End();
  return absl::OkStatus();
}

void Upload::Fail(absl::string_view why) {
  session_->FailSource(absl::AbortedError(absl::StrCat(
      "the upload broke off after ", order_.received(), " bytes: ", why)));
}

}  // namespace tcptool::server
