// The DistributionService of the API, by the fleet that the node is in.
#ifndef TCPTOOL_SERVER_RPC_DISTRIBUTION_SERVICE_H_
#define TCPTOOL_SERVER_RPC_DISTRIBUTION_SERVICE_H_

#include "server/fleet/service/distributions.h"
#include "server/rpc/method_table.h"
#include "server/watch/watch_hub.h"

namespace tcptool::server {

// distribution_service.proto describes the methods. None of them blocks.
class DistributionService : public RpcService {
 public:
  // Both outlive the service. Null: the node is in no fleet, and each method is
  // FAILED_PRECONDITION.
  DistributionService(fleet::Distributions* distributions, WatchHub& hub)
      : distributions_(distributions), hub_(hub) {}

  void AddTo(MethodTable& table) override;

 private:
  fleet::Distributions* const distributions_;
  WatchHub& hub_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_DISTRIBUTION_SERVICE_H_
