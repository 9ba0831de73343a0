// A client of an etcd cluster, over gRPC.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_ETCD_CLIENT_H_
#define TCPTOOL_SERVER_FLEET_ETCD_ETCD_CLIENT_H_

#include <asio/any_io_executor.hpp>
#include <memory>

#include "absl/status/statusor.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/etcd/etcd_options.h"

namespace tcptool::fleet {

class Authenticator;
struct EtcdContext;

// A node has one. Its registration, what follows the plan there and, while it
// is the coordinator, what plans use it, together with Lease and PrefixWatch.
//
// A call that finds no answer at one member is tried at the next, for up to
// `timeout`; a write only if it cannot have been carried out. Connections are
// made when they are needed and kept.
class EtcdClient final : public EtcdCalls {
 public:
  // `executor` has one thread, which all methods and callbacks are on.
  // INVALID_ARGUMENT: no endpoint, or options that do not go together.
  static absl::StatusOr<std::unique_ptr<EtcdClient>> Create(
      const asio::any_io_executor& executor, const EtcdOptions& options);

  // Cancels what goes on, without calling anybody back; waits until gRPC has
  // let go of it. On the executor's thread, or when that runs nothing any more.
  ~EtcdClient() override;

  void Range(const etcdserverpb::RangeRequest& request,
             EtcdDone<etcdserverpb::RangeResponse> done) override;
  void Put(const etcdserverpb::PutRequest& request,
           EtcdDone<etcdserverpb::PutResponse> done) override;
  void DeleteRange(const etcdserverpb::DeleteRangeRequest& request,
                   EtcdDone<etcdserverpb::DeleteRangeResponse> done) override;
  void Txn(const etcdserverpb::TxnRequest& request,
           EtcdDone<etcdserverpb::TxnResponse> done) override;
  void Compact(const etcdserverpb::CompactionRequest& request,
               EtcdDone<etcdserverpb::CompactionResponse> done) override;
  void GrantLease(const etcdserverpb::LeaseGrantRequest& request,
                  EtcdDone<etcdserverpb::LeaseGrantResponse> done) override;
  void RenewLease(const etcdserverpb::LeaseKeepAliveRequest& request,
                  EtcdDone<etcdserverpb::LeaseKeepAliveResponse> done) override;
  void RevokeLease(const etcdserverpb::LeaseRevokeRequest& request,
                   EtcdDone<etcdserverpb::LeaseRevokeResponse> done) override;
  std::unique_ptr<EtcdWatchStream> Watch(
      const etcdserverpb::WatchCreateRequest& request,
      EtcdWatchStream::Events events) override;

 private:
  explicit EtcdClient(std::shared_ptr<EtcdContext> etcd);

  const std::shared_ptr<EtcdContext> etcd_;
  const std::shared_ptr<Authenticator> authenticator_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_ETCD_CLIENT_H_
