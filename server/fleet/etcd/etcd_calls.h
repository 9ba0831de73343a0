// What the fleet asks of etcd. EtcdClient does it; tests of what is built on it
// may do without a network.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_ETCD_CALLS_H_
#define TCPTOOL_SERVER_FLEET_ETCD_ETCD_CALLS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/clock.h"
#include "etcd/rpc.pb.h"

namespace tcptool::fleet {

// An answer, and when the request that it answers was sent: what it says of a
// lease's time counts from no earlier than that.
template <typename Response>
using EtcdDone = std::function<void(absl::StatusOr<Response> response,
                                    dataplane::Clock::time_point sent)>;

// A stream of watch responses. Destroying it cancels it; then nothing of it is
// called any more.
class EtcdWatchStream {
 public:
  struct Events {
    std::function<void(const etcdserverpb::WatchResponse&)> response;
    std::function<void(const absl::Status&)> end;  // Once, the last.
  };
  virtual ~EtcdWatchStream() = default;
};

// All methods are called on one thread, that of an executor, and so are the
// callbacks, later.
//
// UNKNOWN, of a write: whether etcd has carried it out, or will, is not known;
// read back what it was to write before trying again. Any other error of a
// write means that it has not been carried out, and will not be. UNAVAILABLE:
// no endpoint answered in time, or none has a leader. RESOURCE_EXHAUSTED:
// etcd's database is full. PERMISSION_DENIED, UNAUTHENTICATED: etcd does not
// allow it. OUT_OF_RANGE: of a Range, its revision is compacted. Others are
// etcd's own, as its documents have them.
class EtcdCalls {
 public:
  virtual ~EtcdCalls() = default;

  virtual void Range(const etcdserverpb::RangeRequest& request,
                     EtcdDone<etcdserverpb::RangeResponse> done) = 0;
  virtual void Put(const etcdserverpb::PutRequest& request,
                   EtcdDone<etcdserverpb::PutResponse> done) = 0;
  virtual void DeleteRange(
      const etcdserverpb::DeleteRangeRequest& request,
      EtcdDone<etcdserverpb::DeleteRangeResponse> done) = 0;
  virtual void Txn(const etcdserverpb::TxnRequest& request,
                   EtcdDone<etcdserverpb::TxnResponse> done) = 0;
  virtual void Compact(const etcdserverpb::CompactionRequest& request,
                       EtcdDone<etcdserverpb::CompactionResponse> done) = 0;

  // These are tried again for as long as a read is: a second grant leaves a
  // lease that runs out, and to renew or revoke twice is as good as once.
  virtual void GrantLease(const etcdserverpb::LeaseGrantRequest& request,
                          EtcdDone<etcdserverpb::LeaseGrantResponse> done) = 0;
  virtual void RenewLease(
      const etcdserverpb::LeaseKeepAliveRequest& request,
      EtcdDone<etcdserverpb::LeaseKeepAliveResponse> done) = 0;
  virtual void RevokeLease(
      const etcdserverpb::LeaseRevokeRequest& request,
      EtcdDone<etcdserverpb::LeaseRevokeResponse> done) = 0;

  // Each stream that ends has the next one go to another endpoint.
  virtual std::unique_ptr<EtcdWatchStream> Watch(
      const etcdserverpb::WatchCreateRequest& request,
      EtcdWatchStream::Events events) = 0;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_ETCD_CALLS_H_
