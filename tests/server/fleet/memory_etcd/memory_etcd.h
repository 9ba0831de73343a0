// An etcd in memory: keys with revisions, transactions, leases, and what
// happened, for watches.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_MEMORY_ETCD_MEMORY_ETCD_H_
#define TCPTOOL_TESTS_SERVER_FLEET_MEMORY_ETCD_MEMORY_ETCD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "etcd/rpc.pb.h"

namespace tcptool::fleet {

// Does at once what it is asked; MemoryConnection has it asked over EtcdCalls.
// A lease ends when the test says so. Not thread-safe.
class MemoryEtcd {
 public:
  using Keys = std::map<std::string, etcdserverpb::KeyValue>;
  // All events of one revision.
  using Listener = std::function<void(const etcdserverpb::WatchResponse&)>;

  // INVALID_ARGUMENT: more operations than etcd allows, or a key twice.
  // NOT_FOUND: no such lease. Nothing has been done then.
  absl::StatusOr<etcdserverpb::TxnResponse> Txn(
      const etcdserverpb::TxnRequest& request);
  // OUT_OF_RANGE: the revision is compacted.
  absl::StatusOr<etcdserverpb::RangeResponse> Range(
      const etcdserverpb::RangeRequest& request) const;
  void Compact(int64_t revision) { compacted_ = revision; }
  // Begins anew with what a copy of it had, as one that is restored from a
  // backup: watches have no events any more.
  void Restore(const MemoryEtcd& backup);

  int64_t GrantLease(int64_t time_to_live);
  // Seconds; 0: there is no such lease.
  int64_t TimeToLive(int64_t lease) const;
  // Deletes its keys; as when it runs out, or is revoked.
  void EndLease(int64_t lease);

  // Without a guard.
  void Put(const std::string& key, const std::string& value);
  void Delete(const std::string& key);

  int64_t revision() const { return revision_; }
  const Keys& keys() const { return keys_; }
  // Of the lease that a key has; 0: none, or there is no such key.
  int64_t LeaseOf(const std::string& key) const;

  // What has happened to keys in a range from a revision on; compact_revision
  // is set if that is not known any more.
  etcdserverpb::WatchResponse EventsSince(
      const etcdserverpb::WatchCreateRequest& request) const;
  // Is told of all there is from now on; by a number that takes it away again.
  int Listen(Listener listener);
  void Forget(int listener) { listeners_.erase(listener); }

 private:
  bool Holds(const etcdserverpb::Compare& compare) const;
  absl::Status Check(
      const google::protobuf::RepeatedPtrField<etcdserverpb::RequestOp>&
          operations) const;
  // Each adds an event of the revision that is being made.
  void PutNow(const etcdserverpb::PutRequest& put,
              etcdserverpb::WatchResponse& events);
  int64_t DeleteNow(const std::string& from, const std::string& end,
                    etcdserverpb::WatchResponse& events);
  // The revision is there if it has events.
  void Publish(const etcdserverpb::WatchResponse& events);
  Keys KeysAt(int64_t revision) const;

  int64_t revision_ = 1;
  int64_t compacted_ = 0;
  Keys keys_;
  std::vector<etcdserverpb::Event> history_;
  int64_t last_lease_ = 1000;
  std::map<int64_t, int64_t> leases_;  // Seconds, by lease.
  int last_listener_ = 0;
  std::map<int, Listener> listeners_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_MEMORY_ETCD_MEMORY_ETCD_H_
