// How fast this node sends to each of those that follow it.
#ifndef TCPTOOL_SERVER_PEERS_EGRESS_H_
#define TCPTOOL_SERVER_PEERS_EGRESS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/peers/distributed_contents.h"
#include "server/peers/fair_shares.h"

namespace tcptool::server {

// Gives each connection a rate, so that all together are within what the node
// may send, and those of one content within what it may send of that. Contents
// have equal shares of the node's rate, and the connections of a content equal
// shares of its rate; what one does not use others have. So nothing is counted
// while bytes are sent: the kernel holds each connection to its rate, which is
// another one when somebody comes or goes, or has used less than it may.
//
// Any thread may call any method.
class Egress {
 public:
  using Clock = std::chrono::steady_clock;

  // How often it is looked at what was used. Who begins to want more has it
  // after two of them at most.
  static constexpr std::chrono::milliseconds kInterval{1000};

  // Of a content, by its name as in FollowRequest. Calls nothing of this.
  using LimitsOf =
      std::function<DistributedContents::Limits(const std::string& name)>;

  struct Connection {
    std::string content;  // Its name.
    // Has it sent at most so many bytes a second from now on; 0: no limit.
    // Neither of the two may call anything of this.
    std::function<void(uint64_t bytes_per_second)> set_rate;
    // How many bytes of the content it has taken. None: that is not known, and
    // it may use all that it may have; or, once it was known, the connection
    // has ended, and uses nothing.
    std::function<std::optional<uint64_t>()> taken;
  };

  // `most`: bytes a second that the node may send to others in all; 0: no
  // limit.
  Egress(uint64_t most, LimitsOf limits_of)
      : most_(most == 0 ? kNoRateLimit : most),
        limits_of_(std::move(limits_of)) {}

  // From now on. `id`: one that no other has.
  void Add(uint64_t id, Connection connection);
  // No effect if there is none.
  void Remove(uint64_t id);

  // Looks what was used since the last time, and shares anew. To be called each
  // kInterval.
  void Look(Clock::time_point now);

  // What it can have, in bytes a second, whatever others want; 0: no limit, or
  // there is none.
  uint64_t FairRate(uint64_t id) const;

 private:
  struct Member {
    Connection connection;
    uint64_t wants = kNoRateLimit;
    uint64_t fair = kNoRateLimit;
    uint64_t rate = kNoRateLimit;  // As it was set.
    // When it was looked at.
    std::optional<uint64_t> taken;
    Clock::time_point looked_at;
    bool was_known = false;  // `taken`, at some time.
  };

  static void Measure(Member& member, Clock::time_point now);
  void Share() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t most_;
  const LimitsOf limits_of_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Member> members_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_EGRESS_H_
