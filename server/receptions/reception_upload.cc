#include "server/receptions/reception_upload.h"

#include "absl/strings/str_cat.h"

namespace tcptool::server {

absl::Status ReceptionUpload::Take(v1::UploadDistributionRequest& request) {
  if (absl::Status status = order_.Take(request); !status.ok()) return status;
  if (!request.data().empty()) {
    content_->Push(std::move(*request.mutable_data()));
    request.clear_data();
  }
  if (order_.complete()) content_->End();
  return absl::OkStatus();
}

absl::Status ReceptionUpload::result() const {
  const auto result = content_->result();
  if (!result) return absl::OkStatus();
  return *result;
}

void ReceptionUpload::Fail(const absl::Status& why) {
  content_->Fail(absl::Status(
      why.code(), absl::StrCat("the upload broke off after ", order_.received(),
                               " bytes: ", why.message())));
}

}  // namespace tcptool::server
