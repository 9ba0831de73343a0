// A key that one process at a time holds, for as long as it lives.
#ifndef TCPTOOL_SERVER_FLEET_MEMBERSHIP_LEASED_KEY_H_
#define TCPTOOL_SERVER_FLEET_MEMBERSHIP_LEASED_KEY_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/fleet/etcd/etcd_calls.h"

namespace tcptool::fleet {

struct LeasedKeyOptions {
  std::string key;
  std::string value;
  // After so long etcd gives the key away if its holder does not answer.
  std::chrono::seconds time_to_live = std::chrono::seconds(15);
  // While another holds the key, and the watch of it tells nothing, etcd is
  // asked so often whether it still does; half of the time at random.
  std::chrono::milliseconds check_interval = std::chrono::seconds(30);
  // Whether the process that has written a value is dead for certain: etcd is
  // told to give its key away, and does not wait for the end of its lease.
  // Null: of none.
  std::function<bool(const std::string& value)> is_left = nullptr;
};

// Writes the key under a lease of its own when nobody has it, and tries again
// whenever it has been lost or another has let go of it. Registration has one
// for nodes/NODE, the coordinator one for its election.
//
// A key whose lease was lost by the clock, but that etcd has not given away, is
// moved to the next lease in one transaction: others see it all the time, and
// its create revision stays. So when etcd was away for a minute nobody is gone.
//
// Between etcd giving a key away and `lost` another may hold it: writes compare
// the key's create revision, or its lease. All is on the thread of `executor`.
class LeasedKey {
 public:
  struct Events {
    // etcd has the key from this process. Again after each `lost`, with the
    // same revision if it was never given away.
    std::function<void(int64_t create_revision)> held;
    // The key is gone, or may go.
    std::function<void(const absl::Status&)> lost;
    // Another holds it; this is what it has written. Once for each that does.
    std::function<void(const std::string& value)> taken;
    // A call of etcd's has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
  };

  // `etcd` must outlive it.
  LeasedKey(const asio::any_io_executor& executor, EtcdCalls* etcd,
            LeasedKeyOptions options, Events events);
  // Lets the lease run out. None of the events comes any more.
  ~LeasedKey();
  LeasedKey(const LeasedKey&) = delete;
  LeasedKey& operator=(const LeasedKey&) = delete;

  // 0: it is not held.
  int64_t create_revision() const;
  // Of the key while it is held.
  int64_t lease() const;

  // A write whose guard compares the key was refused: reads whether it is still
  // held, and tells so if not.
  void Check();

  // Gives the key back at once. `done` is called in any case; no event comes
  // any more.
  void Release(std::function<void(const absl::Status&)> done);

 private:
  class Holder;
  const std::shared_ptr<Holder> holder_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_MEMBERSHIP_LEASED_KEY_H_
