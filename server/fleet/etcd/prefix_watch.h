// Follows all keys below a prefix.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_PREFIX_WATCH_H_
#define TCPTOOL_SERVER_FLEET_ETCD_PREFIX_WATCH_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/etcd/prefix_mirror.h"

namespace tcptool::fleet {

struct PrefixWatchOptions {
  std::string prefix;  // Not empty.
  // All keys are listed again so often, as etcd 3.4 has lost events.
  std::chrono::milliseconds list_interval = std::chrono::minutes(1);
  // Until a watch has begun; then another member is asked.
  std::chrono::milliseconds begin_timeout = std::chrono::seconds(5);
  int page_size = 1000;  // Keys, of a list's answer.
};

// Lists the keys, watches them, and goes on after whatever happens: connections
// that are lost, members that die or stand still, a cluster without a leader,
// compaction, a cancelled watch. What was missed is listed, deletions included.
// If etcd has gone back, as it was restored from an older backup or has begun
// anew, what it has now is what counts.
//
// A node has one for what concerns it; the coordinator one for all of the
// fleet. All is on the thread of `executor`.
class PrefixWatch {
 public:
  struct Events {
    // What has changed, and up to which revision that is all. A transaction's
    // changes come together. The first time: all there is, or nothing. A key
    // that changed more than once may be told of once. The revision is lower
    // than before only if etcd has gone back.
    std::function<void(const PrefixMirror::Changes&, int64_t revision)> changed;
    // A list or a watch has failed, and will be tried again; or etcd has gone
    // back, DATA_LOSS.
    std::function<void(const absl::Status&)> trouble;
  };

  // `etcd` must outlive it.
  PrefixWatch(const asio::any_io_executor& executor, EtcdCalls* etcd,
              PrefixWatchOptions options, Events events);
  // None of the events comes any more.
  ~PrefixWatch();
  PrefixWatch(const PrefixWatch&) = delete;
  PrefixWatch& operator=(const PrefixWatch&) = delete;

  // What there is now.
  const std::map<std::string, PrefixEntry>& entries() const;

 private:
  class Follower;
  const std::shared_ptr<Follower> follower_;
};

// One behind the last key that begins with `prefix`, as etcd has ranges.
std::string EndOfPrefix(std::string prefix);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_PREFIX_WATCH_H_
