// The ReceptionService of the API, by the reception manager and its table.
#ifndef TCPTOOL_SERVER_RPC_RECEPTION_SERVICE_H_
#define TCPTOOL_SERVER_RPC_RECEPTION_SERVICE_H_

#include "server/receptions/reception_manager.h"
#include "server/rpc/method_table.h"
#include "server/watch/reception_table.h"
#include "server/watch/watch_hub.h"

namespace tcptool::server {

// reception_service.proto describes the methods. None of them blocks.
class ReceptionService : public RpcService {
 public:
  // All of them outlive the service.
  ReceptionService(ReceptionManager& manager, const ReceptionTable& table,
                   WatchHub& hub)
      : manager_(manager), table_(table), hub_(hub) {}

  void AddTo(MethodTable& table) override;

 private:
  ReceptionManager& manager_;
  const ReceptionTable& table_;
  WatchHub& hub_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_RECEPTION_SERVICE_H_
