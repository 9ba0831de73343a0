// A node that wants to be the coordinator, over a connection of its own.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_CANDIDATE_H_
#define TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_CANDIDATE_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/fleet/coordinator/coordinator.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {

class Candidate {
 public:
  Candidate(asio::io_context& thread, TestFleet& fleet, const std::string& name)
      : fleet_(fleet),
        connection_(thread.get_executor(), &fleet.etcd()),
        coordinator_(
            thread.get_executor(), &connection_,
            {.keys = fleet.keys(),
             .node = name,
             .pause = std::chrono::milliseconds(1),
             .now = [this] { return now; }},
            {.changed =
                 [this](bool is_coordinator) {
                   changes.push_back(is_coordinator);
                   if (!is_coordinator) return;
                   lease_ = fleet_.etcd().LeaseOf(fleet_.keys().Coordinator());
                 },
             .slow = [this](const SlowNode& one) { slow.push_back(one); },
             .trouble =
                 [this](const absl::Status& status) {
                   troubles.push_back(status);
                 }}) {}

  MemoryConnection& connection() { return connection_; }
  Coordinator& coordinator() { return coordinator_; }

  // As when its process is killed.
  void Die() {
    connection_.Cut();
    fleet_.etcd().EndLease(lease_);
  }

  absl::Time now = absl::FromUnixSeconds(1'000'000);
  std::vector<bool> changes;
  std::vector<SlowNode> slow;
  std::vector<absl::Status> troubles;

 private:
  TestFleet& fleet_;
  MemoryConnection connection_;
  int64_t lease_ = 0;  // Of the coordinator's key, when it had it last.
  Coordinator coordinator_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_COORDINATOR_CANDIDATE_H_
