// The connection of one client to an etcd in memory, and what can happen to it.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_MEMORY_ETCD_MEMORY_CONNECTION_H_
#define TCPTOOL_TESTS_SERVER_FLEET_MEMORY_ETCD_MEMORY_CONNECTION_H_

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "server/fleet/etcd/etcd_calls.h"
#include "tests/server/fleet/memory_etcd/memory_etcd.h"

namespace tcptool::fleet {

// What becomes of a transaction.
enum class Fate {
  kAnswered,
  kAnswerLost,   // Carried out, and its outcome UNKNOWN to the client.
  kRequestLost,  // UNKNOWN too, and not carried out.
  kLate,         // UNKNOWN, and carried out when CarryOutLate() is called.
  kRefused,      // UNAVAILABLE; not carried out.
};

// Carries out each call at once, and posts its answer, unless it is cut. All is
// on the thread of `executor`.
class MemoryConnection final : public EtcdCalls {
 public:
  MemoryConnection(const asio::any_io_executor& executor, MemoryEtcd* etcd);
  // Nobody is called any more.
  ~MemoryConnection() override;

  // Asked before each transaction; by default, all are answered.
  std::function<Fate(const etcdserverpb::TxnRequest&)> fate;
  // If not, RevokeLease() is PERMISSION_DENIED.
  bool may_revoke = true;
  // From here on nothing gets through, in either direction: no call is carried
  // out or answered, and no watch has events.
  void Cut();
  // All watches end, as when a member dies; a new one can begin.
  void EndWatches();
  // No watch has an event any more, although none ends.
  void DropEvents();
  // Those transactions whose fate that was, in their order.
  void CarryOutLate();
  // How many transactions were asked for.
  int transactions() const { return transactions_; }

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
  struct State;
  class Stream;

  template <typename Response>
  void Answer(EtcdDone<Response> done, absl::StatusOr<Response> response);

  const asio::any_io_executor executor_;
  MemoryEtcd* const etcd_;
  int transactions_ = 0;
  const std::shared_ptr<State> state_;  // Outlives this, in what is posted.
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_MEMORY_ETCD_MEMORY_CONNECTION_H_
