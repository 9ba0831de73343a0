// What a node writes of one of its deliveries.
#ifndef TCPTOOL_SERVER_FLEET_FOLLOWER_DELIVERY_RECORD_H_
#define TCPTOOL_SERVER_FLEET_FOLLOWER_DELIVERY_RECORD_H_

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "server/fleet/etcd/backoff.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/follower/delivery_port.h"
#include "server/fleet/state/fleet_keys.h"
#include "server/fleet/state/fleet_state.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// Keeps deliveries/NODE as it is to be: one transaction at a time, the newest
// value only. Each is carried out only if
// - nodes/NODE is of this incarnation, so that nothing comes of a process that
//   others take for gone;
// - the spec is still there, and the same one;
// - the record is what was last known of it. So the same transaction, made
//   again, finds out what became of one whose outcome is unknown, and one that
//   comes late does not undo what was written since.
//
// All is on the thread of `executor`.
class DeliveryRecord : public std::enable_shared_from_this<DeliveryRecord> {
 public:
  struct Events {
    // Somebody has deleted the record of what had FAILED or was CANCELLED: it
    // is to be tried again. Nothing is written until the next Set().
    std::function<void()> deleted;
    // A call of etcd's has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
  };

  // `etcd` must outlive it.
  DeliveryRecord(const asio::any_io_executor& executor, EtcdCalls* etcd,
                 const FleetKeys& keys, std::string node, DeliveryId id,
                 Events events);

  // What it is to be; the incarnation is filled in.
  void Set(v1::Delivery wanted);
  // What it tells of recipients that are no nodes, besides; nothing is written
  // of that before there is something else to be told.
  void SetServing(const v1::Serving& serving);
  // It is not to be anything any more: nothing is written until the next Set().
  void Unset() { wanted_.reset(); }
  // Of nodes/NODE; 0: nothing can be written at the moment.
  void SetIncarnation(int64_t incarnation);
  // What etcd has, as far as a watch knows that has told everything up to
  // `revision`. Null: no record.
  void Seen(const Stored<v1::Delivery>* stored, int64_t revision);
  // Etcd has gone back: nothing is known of what it has, until the next Seen().
  void Forget();

  // What it is to be or, if nothing was said yet, what etcd has.
  v1::DeliveryState state() const;

  // Nothing is written, and no event comes any more.
  void End();

 private:
  void Write();
  void Written(const absl::StatusOr<etcdserverpb::TxnResponse>& response,
               const v1::Delivery& value);
  // What the record is at `revision`; 0: it is not there.
  void Know(std::optional<v1::Delivery> value, int64_t mod_revision,
            int64_t revision);
  void Retry();

  EtcdCalls* const etcd_;
  const std::string node_key_;
  const std::string spec_key_;
  const std::string record_key_;
  const DeliveryId id_;
  Events events_;
  asio::steady_timer timer_;
  Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(2)};

  std::optional<v1::Delivery> wanted_;
  std::optional<v1::Serving> serving_;
  int64_t incarnation_ = 0;
  std::optional<v1::Delivery> known_;  // What etcd has.
  int64_t mod_revision_ = 0;           // Of that; 0: it is not there.
  int64_t known_at_ = 0;               // Up to which revision that holds.
  // That of the last write's request. Its answer is of no lower revision.
  int64_t asked_at_ = 0;
  bool is_writing_ = false;  // Or waits to try again.
  bool ended_ = false;
};

// FAILED and CANCELLED: it is not tried again by itself.
bool IsGivenUp(v1::DeliveryState state);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_FOLLOWER_DELIVERY_RECORD_H_
