// A lease of etcd's that is kept alive.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_LEASE_H_
#define TCPTOOL_SERVER_FLEET_ETCD_LEASE_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "server/fleet/etcd/etcd_calls.h"

namespace tcptool::fleet {

// A node has one, for its registration, and one more while it is a candidate
// for coordinator. When it is lost, its keys are gone, or will be: whoever
// needs them makes another lease and writes them anew, as nothing renews a lost
// one.
//
// That it is held protects nothing by itself: etcd may take it away early, and
// the answer that says so may be late. Only a transaction that compares the
// lease, or the key's create revision, tells.
//
// All is on the thread of `executor`.
class Lease {
 public:
  struct Events {
    // Once: etcd has granted it.
    std::function<void(int64_t id)> held;
    // Once, the last: NOT_FOUND: etcd has given it away. DEADLINE_EXCEEDED: it
    // could not be renewed, and etcd may give it away from now on.
    std::function<void(const absl::Status&)> lost;
    // A grant or a renewal has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
  };

  // Asks for a lease, until there is one. etcd may give a longer
  // `time_to_live`; its least is 2 s by default. `etcd` must outlive it.
  Lease(const asio::any_io_executor& executor, EtcdCalls* etcd,
        std::chrono::seconds time_to_live, Events events);
  // Lets it run out. None of the events comes any more.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // 0: not granted yet.
  int64_t id() const;
  // By the clock, and so also before `lost` can be called: after the process
  // was stopped, for example.
  bool IsHeld() const;

  // Gives it back, and its keys with it; `done` is called in any case. There
  // are no more events.
  void Revoke(std::function<void(const absl::Status&)> done);

 private:
  class Keeper;
  const std::shared_ptr<Keeper> keeper_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_LEASE_H_
