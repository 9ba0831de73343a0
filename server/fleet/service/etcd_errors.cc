#include "server/fleet/service/etcd_errors.h"

#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "server/api/grpc_status.h"
#include "server/fleet/service/api.h"

namespace tcptool::fleet {

absl::Status EtcdErrorForClient(const absl::Status& status) {
  if (absl::IsUnknown(status)) {
    return server::TriedForLong(server::WithReason(
        absl::UnavailableError(absl::StrCat(
            "etcd may have done what was asked, or may still do it: ",
            status.message(), "; read it, and try again")),
        api::ERROR_REASON_OUTCOME_UNKNOWN));
  }
  // The client's own credentials are good.
  if (absl::IsUnauthenticated(status) || absl::IsUnavailable(status)) {
    return server::TriedForLong(server::WithReason(
        absl::UnavailableError(absl::StrCat("etcd: ", status.message())),
        api::ERROR_REASON_ETCD_UNAVAILABLE));
  }
  const std::string message = absl::StrCat("etcd: ", status.message());
  if (absl::IsResourceExhausted(status)) {
    return server::Exhausted(api::ERROR_REASON_STATE_STORAGE_FULL, "etcd",
                             message);
  }
  return {status.code(), message};
}

absl::Status NotReady() {
  return server::Unavailable(
      api::ERROR_REASON_NOT_READY,
      "the node has not read from etcd yet what its fleet has; try again");
}

}  // namespace tcptool::fleet
