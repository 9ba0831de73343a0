// What a failed call's trailers say of an error, within their bounds: clients
// accept 8 KiB of trailers, and replace a larger status by an error of their
// own.
#ifndef TCPTOOL_SERVER_API_ERROR_DETAILS_H_
#define TCPTOOL_SERVER_API_ERROR_DETAILS_H_

#include <string>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace tcptool::server {

// The message of `status`, cut between two characters if it is too long.
std::string MessageOf(const absl::Status& status);

// The code, `message`, which is MessageOf(status), and the details that
// errors.h has attached: an ErrorInfo first, which says no more than the code
// where none is attached. Long texts are cut; what does not fit is left out.
google::rpc::Status DetailsOf(const absl::Status& status,
                              const std::string& message);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_ERROR_DETAILS_H_
