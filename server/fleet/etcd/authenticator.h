// Gets tokens from etcd.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_AUTHENTICATOR_H_
#define TCPTOOL_SERVER_FLEET_ETCD_AUTHENTICATOR_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "server/fleet/etcd/etcd_context.h"

namespace tcptool::fleet {

// On the executor's thread.
class Authenticator final : public std::enable_shared_from_this<Authenticator> {
 public:
  explicit Authenticator(std::shared_ptr<EtcdContext> etcd)
      : etcd_(std::move(etcd)) {}

  // Calls `done` when the context has a token, or etcd wants none. However many
  // wait, it is asked for once.
  void Authenticate(std::function<void(const absl::Status&)> done);

 private:
  void Finish(const absl::Status& status);

  const std::shared_ptr<EtcdContext> etcd_;
  std::vector<std::function<void(const absl::Status&)>> waiting_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_AUTHENTICATOR_H_
