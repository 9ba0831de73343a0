#include "server/fleet/etcd/call_errors.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tcptool::fleet {
namespace {

using Next = CallFailure::Next;

// Whether the call cannot have reached what carries it out. gRPC has no code
// for that: the text is that of Debian 12's gRPC, for calls that fail before
// there is a connection. The others are etcd's, which refuses before it does
// anything.
bool WasNotCarriedOut(const grpc::Status& status) {
  const std::string message = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return absl::StrContains(message, "failed to connect to all addresses") ||
             absl::StrContains(message, "no leader") ||
             absl::StrContains(message, "not capable");
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return absl::StrContains(message, "too many requests");
    default:
      return false;
  }
}

// Codes that say nothing about whether the call was carried out.
bool IsUncertain(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::DATA_LOSS:
    case grpc::StatusCode::ABORTED:
      return true;
    default:
      return false;
  }
}

bool WantsNewToken(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAUTHENTICATED ||
         absl::StrContains(status.error_message(), "auth store is old") ||
         absl::StrContains(status.error_message(), "user name is empty");
}

absl::Status Explain(const grpc::Status& status, const std::string& endpoint) {
  const std::string message = status.error_message();
  const auto explained = [&](absl::StatusCode code, absl::string_view advice) {
    return absl::Status(
        code, absl::StrCat("etcd at ", endpoint, ": ", message, advice));
  };
  if (absl::StrContains(message, "database space exceeded")) {
    return explained(
        absl::StatusCode::kResourceExhausted,
        "; its quota is used up: compact and defragment it, then disarm the "
        "alarm with 'etcdctl alarm disarm'");
  }
  if (absl::StrContains(message, "user name is empty")) {
    return explained(absl::StatusCode::kUnauthenticated,
                     "; it wants a user and a password");
  }
  if (absl::StrContains(message, "authentication failed")) {
    return explained(absl::StatusCode::kUnauthenticated,
                     "; look at the user's name and password");
  }
  if (status.error_code() == grpc::StatusCode::PERMISSION_DENIED) {
    return explained(absl::StatusCode::kPermissionDenied,
                     "; grant a role of the user's readwrite to the fleet's "
                     "prefix");
  }
  return explained(static_cast<absl::StatusCode>(status.error_code()), "");
}

}  // namespace

CallFailure JudgeFailure(const grpc::Status& status, CallKind kind,
                         const std::string& endpoint) {
  if (WantsNewToken(status)) {
    return {Next::kAuthenticate, Explain(status, endpoint)};
  }
  if (WasNotCarriedOut(status)) {
    return {Next::kTryAnother,
            absl::UnavailableError(absl::StrCat("etcd at ", endpoint, ": ",
                                                status.error_message()))};
  }
  if (!IsUncertain(status.error_code())) {
    return {Next::kGiveUp, Explain(status, endpoint)};
  }
  if (kind == CallKind::kWrite) {
    return {Next::kGiveUp,
            absl::UnknownError(absl::StrCat(
                "etcd at ", endpoint, ": ", status.error_message(),
                "; whether the write was carried out is not known"))};
  }
  return {Next::kTryAnother,
          absl::UnavailableError(absl::StrCat("etcd at ", endpoint, ": ",
                                              status.error_message()))};
}

}  // namespace tcptool::fleet
