// A call that is answered with an error, and of which nothing is read.
#ifndef TCPTOOL_SERVER_RPC_REFUSED_CALL_H_
#define TCPTOOL_SERVER_RPC_REFUSED_CALL_H_

#include <utility>

#include "absl/status/status.h"
#include "server/rpc/call.h"

namespace tcptool::server {

class RefusedCall : public Call {
 public:
  RefusedCall(Headers headers, absl::Status status)
      : Call(std::move(headers)), status_(std::move(status)) {}

  void Begin() override { End(status_); }

 private:
  void OnRead(bool) override {}

  const absl::Status status_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_REFUSED_CALL_H_
