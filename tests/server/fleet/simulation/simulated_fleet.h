// A fleet with one distribution, on a clock and a network of its own.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_FLEET_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_FLEET_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/fleet/state/fleet_state.h"
#include "tests/server/fleet/memory_etcd/memory_etcd.h"
#include "tests/server/fleet/simulation/fleet_history.h"
#include "tests/server/fleet/simulation/simulated_network.h"
#include "tests/server/fleet/simulation/simulated_node.h"

namespace tcptool::fleet {

// What happens to the nodes, at random times while the content is sent.
struct SimulationOptions {
  uint32_t seed = 0;
  int nodes = 0;  // The source aside.
  int racks = 1;
  int deaths = 0;  // For good; of half of them the host dies.
  int restarts = 0;
  int partitions = 0;           // From etcd and all other nodes, for a while.
  int coordinator_changes = 0;  // It is killed, or cut off.
  int source_restarts = 0;
  int slow = 0;  // With a tenth of the rate.
  int late = 0;  // Nodes more, that join meanwhile.
  // A rack from all other nodes, but not from etcd, for a while.
  int rack_partitions = 0;
};

// Nodes copy bytes in small steps of time, each from the node that its link is
// connected to.
class SimulatedFleet {
 public:
  explicit SimulatedFleet(const SimulationOptions& options);

  // Until the distribution is final; fails the test if what has to hold does
  // not.
  void Run();

  std::string Summary() const;
  // All that has happened, a line each.
  const std::string& story() const { return story_; }

 private:
  using Milliseconds = std::chrono::milliseconds;

  int Below(int limit);
  Milliseconds Between(Milliseconds least, Milliseconds most);
  SimulatedNode& Add(const std::string& name, bool is_candidate);
  // Any that runs, and may be hit.
  SimulatedNode* AnyVictim();
  SimulatedNode* CoordinatorNode();
  // Fails the test if nobody has coordinated for too long, though one of the
  // candidates could; `time`: since the last look.
  void CheckCoordinator(Milliseconds time);
  void Note(const std::string& event);
  void At(Milliseconds time, std::function<void()> action);

  void PlanTroubles();
  // For `time`; forever if none.
  void Kill(SimulatedNode& node, Milliseconds time);
  void Isolate(SimulatedNode& node, Milliseconds time);
  void CutOff(const std::string& rack, Milliseconds time);
  void ComeBack(SimulatedNode& node);

  // Nobody can get anything any more, and nothing happens to anybody.
  bool IsQuiet() const;
  void Tick();
  void ReadEtcd(const etcdserverpb::WatchResponse& events);
  // Some of the nodes: that etcd has changed.
  void Tell();
  // The same, of the rates to the coordinator.
  void ReportRates();

  bool IsFinal() const;
  void CheckEnd();

  const SimulationOptions options_;
  std::mt19937 random_;
  asio::io_context io_;
  MemoryEtcd etcd_;
  FleetState state_;
  SimulatedNodes nodes_;
  SimulatedNetwork network_;
  std::multimap<Milliseconds, std::function<void()>> actions_;
  Milliseconds now_{0};

  std::string story_;
  // How often a node was lost, cut off or is slow, or has joined.
  int troubles_ = 0;
  std::set<std::string> slow_;  // Those that were found to be.
  size_t links_moved_ = 0;
  Milliseconds uncoordinated_{0};  // For how long.
  Milliseconds longest_uncoordinated_{0};
  FleetHistory history_;
};

// Makes one and runs it; prints what it came to, and if it has failed, how.
void Simulate(const SimulationOptions& options);

// How many of them a test makes: TCPTOOL_SIMULATION_FLEETS, or `usual`.
int FleetsOr(int usual);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_FLEET_H_
