#include "server/sessions/upload.h"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/errors.h"

namespace tcptool::server {
namespace {

// What a block costs beside its bytes: the string, the shared pointer and their
// places in the queues, rounded up.
constexpr size_t kBlockOverhead = 256;

}  // namespace

absl::Status Upload::Mismatch(absl::string_view what) const {
  return FailedPrecondition(v1::ERROR_REASON_UPLOAD_MISMATCH, session_name(),
                            what);
}

absl::Status Upload::Take(v1::UploadContentRequest& request) {
  if (absl::Status status = order_.Take(request); !status.ok()) return status;
  const std::optional<uint64_t> expected = source_->expected_length();
  if (expected && static_cast<uint64_t>(order_.received()) > *expected) {
    return Mismatch(absl::StrCat("the content has more than the ", *expected,
                                 " bytes that are expected"));
  }
  if (!request.data().empty()) {
    const auto data =
        std::make_shared<const std::string>(std::move(*request.mutable_data()));
    has_room_ = source_->Append({.owner = data,
                                 .data = std::as_bytes(std::span(*data)),
                                 .memory = data->capacity() + kBlockOverhead});
  }
  if (!request.complete()) return absl::OkStatus();
  source_->End();
  const absl::Status error = source_->error();
  return error.ok() ? error : Mismatch(error.message());
}

void Upload::Fail(absl::string_view why) {
  session_->FailSource(absl::AbortedError(absl::StrCat(
      "the upload broke off after ", order_.received(), " bytes: ", why)));
}

}  // namespace tcptool::server
