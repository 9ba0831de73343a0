// The calls of PeerService.Follow that go on.
#ifndef TCPTOOL_SERVER_PEERS_FOLLOWERS_H_
#define TCPTOOL_SERVER_PEERS_FOLLOWERS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/peers/egress.h"
#include "server/peers/node_log.h"
#include "server/peers/peer_contents.h"
#include "server/peers/ticket_book.h"
#include "server/security/audit.h"

namespace tcptool::server {

class FollowCall;

// Has the calls, and what they share: the contents, the tickets, and the rate
// that the node may send with. Any thread may call any method.
class Followers {
 public:
  static constexpr size_t kMost = 256;

  // `data_port`: where the tickets are good. `most_bytes_per_second`: see
  // Egress. `data_tls`: the data port speaks TLS.
  Followers(std::shared_ptr<PeerContents> contents, uint16_t data_port,
            uint64_t most_bytes_per_second = 0, bool data_tls = false)
      : contents_(std::move(contents)),
        data_port_(data_port),
        data_tls_(data_tls),
        egress_(most_bytes_per_second, [this](const std::string& name) {
          return contents_->LimitsOf(name);
        }) {}

  PeerContents& contents() { return *contents_; }
  TicketBook& tickets() { return tickets_; }
  // By the numbers of the calls that have a connection.
  Egress& egress() { return egress_; }
  // Of those that a content's access rules do not allow.
  RefusalLog& refusals() { return refusals_; }
  // Of those whose connections have come.
  NodeLog& nodes() { return nodes_; }
  uint16_t data_port() const { return data_port_; }
  bool data_tls() const { return data_tls_; }

  // The number of the call, never 0; `caller`: who makes it, as credentials
  // have it. When there are kMost, the newest call of the caller that has the
  // most of them ends to make room, if that caller then still has no fewer than
  // this one: nobody's nodes keep those of others out. RESOURCE_EXHAUSTED:
  // there is no such caller. UNAVAILABLE: after Stop(). Without locks of calls,
  // as it may take another call's.
  absl::StatusOr<uint64_t> Add(std::shared_ptr<FollowCall> call,
                               const std::string& caller);
  // Its ticket, if it has not been used, is not good any more.
  void Remove(uint64_t id);
  // Null: it is over.
  std::shared_ptr<FollowCall> Find(uint64_t id) const;

  // The service is stopping: from now on a content that is not to be had any
  // more may be to be had when it is back.
  void Drain() { draining_ = true; }
  // Why a call ends, as its caller is to understand it: after Drain(),
  // FAILED_PRECONDITION, which tells a node not to come again, is UNAVAILABLE.
  absl::Status EndOf(const absl::Status& status) const;

  // See FollowCall: true if it is for one of them.
  bool Tick(std::chrono::steady_clock::time_point now);
  // Ends all of them; there will be no more.
  void Stop();
  bool stopped() const {
    absl::MutexLock lock(&mutex_);
    return stopped_;
  }

 private:
  struct Following {
    std::shared_ptr<FollowCall> call;
    std::string caller;
  };

  std::vector<std::shared_ptr<FollowCall>> All() const;
  // The number of the call that makes room for one of this caller; 0: none.
  uint64_t WhoMakesRoom(const std::string& caller) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null: it is gone already.
  std::shared_ptr<FollowCall> Take(uint64_t id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<PeerContents> contents_;
  const uint16_t data_port_;
  const bool data_tls_;
  Egress egress_;
  TicketBook tickets_;
  RefusalLog refusals_;
  NodeLog nodes_;
  std::atomic<bool> draining_ = false;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Following> calls_ ABSL_GUARDED_BY(mutex_);
  // How many of these each caller has; never 0.
  std::map<std::string, size_t> counts_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_FOLLOWERS_H_
