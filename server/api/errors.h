// Errors that programs can read: statuses that carry the standard details of
// google.rpc, which ToGrpc() puts into the trailers. Texts may have any bytes,
// as the names of files do: in details a '?' stands for what is no UTF-8.
// proto/tcptool/v1/errors.proto has the reasons, and says which details come
// with which code.
#ifndef TCPTOOL_SERVER_API_ERRORS_H_
#define TCPTOOL_SERVER_API_ERRORS_H_

#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tcptool/v1/errors.pb.h"

namespace tcptool::server {

// What all names of this API are unique in.
inline constexpr absl::string_view kErrorDomain = "tcptool";

// The type of details that statuses keep: the URL in front of a message's name.
inline constexpr absl::string_view kDetailTypePrefix =
    "type.googleapis.com/google.rpc.";

// `status`, which is an error, with an ErrorInfo; it replaces one that is
// there.
absl::Status WithReason(
    absl::Status status, v1::ErrorReason reason,
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>
        metadata = {});

// `status` with `prefix` before its message, and all of its details.
absl::Status Prefixed(absl::string_view prefix, const absl::Status& status);

// FAILED_PRECONDITION. `subject`: the name of the resource, or the path of the
// field, that is not as it would have to be.
absl::Status FailedPrecondition(v1::ErrorReason reason,
                                absl::string_view subject,
                                absl::string_view message);

// RESOURCE_EXHAUSTED. `subject`: what has run out, as "sessions".
absl::Status Exhausted(v1::ErrorReason reason, absl::string_view subject,
                       absl::string_view message);

// NOT_FOUND and ALREADY_EXISTS. `type`: one of those below; `name`: of the
// resource, "sessions/a"; ROOT/PATH of a file.
absl::Status NotFound(v1::ErrorReason reason, absl::string_view type,
                      absl::string_view name, absl::string_view message);
absl::Status AlreadyExists(v1::ErrorReason reason, absl::string_view type,
                           absl::string_view name, absl::string_view message);

// UNAVAILABLE, of what may be tried again in a second.
absl::Status Unavailable(v1::ErrorReason reason, absl::string_view message);

// The types of resources.
inline constexpr absl::string_view kSessionType = "tcptool/Session";
inline constexpr absl::string_view kRecipientType = "tcptool/Recipient";
inline constexpr absl::string_view kReceptionType = "tcptool/Reception";
inline constexpr absl::string_view kDistributionType = "tcptool/Distribution";
inline constexpr absl::string_view kDeliveryType = "tcptool/Delivery";
inline constexpr absl::string_view kFleetNodeType = "tcptool/FleetNode";
inline constexpr absl::string_view kRootType = "tcptool/Root";
inline constexpr absl::string_view kFileType = "tcptool/File";

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_ERRORS_H_
