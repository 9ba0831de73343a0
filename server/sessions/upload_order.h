// Whether the messages of an upload continue each other.
#ifndef TCPTOOL_SERVER_SESSIONS_UPLOAD_ORDER_H_
#define TCPTOOL_SERVER_SESSIONS_UPLOAD_ORDER_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {

// Of the messages of one stream, which have the fields of UploadContentRequest.
// Not thread-safe.
class UploadOrder {
 public:
  // `name`: what is uploaded to.
  explicit UploadOrder(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  int64_t received() const { return received_; }  // Bytes of content.
  bool complete() const { return complete_; }

  // INVALID_ARGUMENT: the message does not continue the upload.
  template <typename Request>
  absl::Status Take(const Request& request) {
    if (complete_) {
      return InvalidField("complete",
                          "a message came after the one that completed the "
                          "content; it must be the last");
    }
    InvalidFields wrong;
    if (!request.name().empty() && request.name() != name_) {
      wrong.Add("name", absl::StrCat("the stream began with ", name_,
                                     ", to which all of it is uploaded"));
    }
    if (request.offset() != received_) {
      wrong.Add("offset",
                absl::StrCat(request.offset(), " is not ", received_,
                             ", the end of what came before; neither gaps nor "
                             "repetitions are allowed"));
    }
    if (!wrong.empty()) return wrong.status();
    received_ += static_cast<int64_t>(request.data().size());
    complete_ = request.complete();
    return absl::OkStatus();
  }

 private:
  const std::string name_;
  int64_t received_ = 0;
  bool complete_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_UPLOAD_ORDER_H_
