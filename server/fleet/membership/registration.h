// A node's registration in its fleet.
#ifndef TCPTOOL_SERVER_FLEET_MEMBERSHIP_REGISTRATION_H_
#define TCPTOOL_SERVER_FLEET_MEMBERSHIP_REGISTRATION_H_

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/membership/leased_key.h"
#include "server/fleet/state/fleet_keys.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// A daemon with --fleet has one. It writes nodes/NODE, again and again, until
// it is destroyed. What the node writes of its deliveries is guarded by
// lease().
//
// All is on the thread of `executor`.
class Registration {
 public:
  struct Events {
    // The node is registered; `incarnation` is another one each time that etcd
    // had given the registration away.
    std::function<void(int64_t incarnation)> registered;
    // It may not be any more; it will be registered again.
    std::function<void(const absl::Status&)> lost;
    // ALREADY_EXISTS: another node has the name. It will be tried again when
    // that is gone. Once for each that has it; of none that is dead for certain
    // (LifeSign).
    std::function<void(const absl::Status&)> refused;
    // A call of etcd's has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
  };

  // `name` has to be IsFleetName(). `etcd` must outlive it.
  Registration(const asio::any_io_executor& executor, EtcdCalls* etcd,
               const FleetKeys& keys, const std::string& name,
               const v1::Node& node, Events events);

  // 0: it is not registered.
  int64_t incarnation() const { return key_.create_revision(); }
  // Of the key while it is registered.
  int64_t lease() const { return key_.lease(); }

  // The node is gone at once, for all others. `done` is called in any case; no
  // event comes any more.
  void Withdraw(std::function<void(const absl::Status&)> done) {
    key_.Release(std::move(done));
  }

 private:
  LeasedKey key_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_MEMBERSHIP_REGISTRATION_H_
