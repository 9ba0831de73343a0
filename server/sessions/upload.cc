#include "server/sessions/upload.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {
namespace {

// What a block costs beside its bytes: the string, the shared pointer and their
// places in the queues, rounded up.
constexpr size_t kBlockOverhead = 256;

}  // namespace

absl::Status Upload::Check(const v1::UploadContentRequest& request) const {
  if (complete_) {
    return InvalidField("complete",
                        "a message came after the one that completed the "
                        "content; it must be the last");
  }
  if (!request.name().empty() && request.name() != session_name_) {
    return InvalidField("name",
                        absl::StrCat("the stream began with ", session_name_,
                                     "; one stream uploads to one session"));
  }
  if (request.offset() != received_) {
    return InvalidField(
        "offset", absl::StrCat(request.offset(), " is not ", received_,
                               ", the end of what came before; neither gaps "
                               "nor repetitions are allowed"));
  }
  return absl::OkStatus();
}

absl::Status Upload::Take(v1::UploadContentRequest& request) {
  if (absl::Status status = Check(request); !status.ok()) return status;
  if (!request.data().empty()) {
    const auto data =
        std::make_shared<const std::string>(std::move(*request.mutable_data()));
    received_ += static_cast<int64_t>(data->size());
    has_room_ = source_->Append({.owner = data,
                                 .data = std::as_bytes(std::span(*data)),
                                 .memory = data->capacity() + kBlockOverhead});
  }
  if (request.complete()) {
    complete_ = true;
    source_->End();
  }
  return absl::OkStatus();
}

void Upload::Fail(absl::string_view why) {
  session_->FailSource(absl::AbortedError(
      absl::StrCat("the upload broke off after ", received_, " bytes: ", why)));
}

}  // namespace tcptool::server
