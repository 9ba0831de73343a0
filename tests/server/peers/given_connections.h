// What a PeerPort gives away, for whoever waits for it.
#ifndef TCPTOOL_TESTS_SERVER_PEERS_GIVEN_CONNECTIONS_H_
#define TCPTOOL_TESTS_SERVER_PEERS_GIVEN_CONNECTIONS_H_

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/peers/peer_port.h"
#include "tests/dataplane/testing.h"

namespace tcptool::server {

// Any thread.
class GivenConnections {
 public:
  struct Given {
    std::string ticket;
    DataConnection connection;
  };

  void Add(const TicketBook::Secret& secret, DataConnection connection) {
    absl::MutexLock lock(&mutex_);
    given_.push_back({std::string(reinterpret_cast<const char*>(secret.data()),
                                  secret.size()),
                      std::move(connection)});
  }

  // The next. None: none comes.
  std::optional<Given> WaitForOne() {
    absl::MutexLock lock(&mutex_);
    const auto is_there = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !given_.empty();
    };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&is_there),
                                 dataplane::kDeadline)) {
      return std::nullopt;
    }
    Given given = std::move(given_.front());
    given_.pop_front();
    return given;
  }

  bool empty() {
    absl::MutexLock lock(&mutex_);
    return given_.empty();
  }

 private:
  absl::Mutex mutex_;
  std::deque<Given> given_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_PEERS_GIVEN_CONNECTIONS_H_
