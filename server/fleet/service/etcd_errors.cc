#include "server/fleet/service/etcd_errors.h"

#include "absl/strings/str_cat.h"
#include "server/api/grpc_status.h"

namespace tcptool::fleet {

absl::Status EtcdErrorForClient(const absl::Status& status) {
  if (absl::IsUnknown(status)) {
    return server::TriedForLong(absl::UnavailableError(
        absl::StrCat("etcd may have done what was asked, or may still do it: ",
                     status.message(), "; read it, and try again")));
  }
  // The client's own credentials are good.
  if (absl::IsUnauthenticated(status) || absl::IsUnavailable(status)) {
    return server::TriedForLong(
        absl::UnavailableError(absl::StrCat("etcd: ", status.message())));
  }
  return {status.code(), absl::StrCat("etcd: ", status.message())};
}

}  // namespace tcptool::fleet
