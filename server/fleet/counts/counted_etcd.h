// What a node asks etcd, counted.
#ifndef TCPTOOL_SERVER_FLEET_COUNTS_COUNTED_ETCD_H_
#define TCPTOOL_SERVER_FLEET_COUNTS_COUNTED_ETCD_H_

#include <memory>
#include <utility>

#include "server/fleet/counts/fleet_counts.h"
#include "server/fleet/etcd/etcd_calls.h"

namespace tcptool::fleet {

// Passes every call on, and counts how it ends; of a watch, each response is an
// answer, and its end a failure.
class CountedEtcd final : public EtcdCalls {
 public:
  // `etcd` must outlive it; `counts` is kept by calls that have not ended.
  CountedEtcd(EtcdCalls* etcd, std::shared_ptr<FleetCounts> counts)
      : etcd_(etcd), counts_(std::move(counts)) {}

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
  EtcdCalls* const etcd_;
  const std::shared_ptr<FleetCounts> counts_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COUNTS_COUNTED_ETCD_H_
