// The DistributionService of the API, by the fleet that the node is in.
#ifndef TCPTOOL_SERVER_RPC_DISTRIBUTION_SERVICE_H_
#define TCPTOOL_SERVER_RPC_DISTRIBUTION_SERVICE_H_

#include <asio/thread_pool.hpp>
#include <optional>

#include "server/fleet/service/distributions.h"
#include "server/receptions/reception_uploads.h"
#include "server/rpc/method_table.h"
#include "server/watch/watch_hub.h"

namespace tcptool::server {

// distribution_service.proto describes the methods. None of them blocks.
class DistributionService : public RpcService {
 public:
  // All outlive the service. Null: the node is in no fleet, and each method is
  // FAILED_PRECONDITION. `uploads`: of this node.
  DistributionService(fleet::Distributions* distributions,
                      ReceptionUploads& uploads, WatchHub& hub)
      : distributions_(distributions), uploads_(uploads), hub_(hub) {
    if (distributions != nullptr) upload_worker_.emplace(1);
  }

  void AddTo(MethodTable& table) override;

 private:
  fleet::Distributions* const distributions_;
  ReceptionUploads& uploads_;
  WatchHub& hub_;
  // Reads the messages of uploads; see UploadReactor.
  std::optional<asio::thread_pool> upload_worker_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_DISTRIBUTION_SERVICE_H_
