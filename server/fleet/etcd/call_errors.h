// What a failed call of etcd's means, and what to do about it.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_CALL_ERRORS_H_
#define TCPTOOL_SERVER_FLEET_ETCD_CALL_ERRORS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace tcptool::fleet {

enum class CallKind {
  kRepeatable,  // Twice is as good as once.
  kWrite,       // Must not be repeated when it may have been carried out.
};

struct CallFailure {
  enum class Next {
    kTryAnother,    // Endpoint: this call may succeed there.
    kAuthenticate,  // And try again: the token is not valid any more.
    kGiveUp,
  };
  Next next;
  absl::Status status;  // For the caller, if nothing else is tried.
};

// `status` is not OK; `endpoint` is where the call was tried.
CallFailure JudgeFailure(const grpc::Status& status, CallKind kind,
                         const std::string& endpoint);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_CALL_ERRORS_H_
