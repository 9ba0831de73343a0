// Who sends how much to whom in a simulated fleet.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_NETWORK_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_NETWORK_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/server/fleet/simulation/simulated_node.h"

namespace tcptool::fleet {

using SimulatedNodes = std::map<std::string, std::unique_ptr<SimulatedNode>>;

// The links of all nodes. What a node sends is shared by those that receive
// from it. Fails the test if for longer than healing takes a node gets nothing
// while there is somebody who has the whole, both in reach of all racks, or has
// two parents: one that it is connected to, and one that it follows and that
// could send more.
class SimulatedNetwork {
 public:
  static constexpr std::chrono::milliseconds kStep{100};

  // `nodes` outlives it.
  explicit SimulatedNetwork(const SimulatedNodes* nodes) : nodes_(*nodes) {}

  // Nodes of the rack reach each other, and no others; nor do these reach them.
  void Cut(const std::string& rack) { cut_racks_.insert(rack); }
  void Mend(const std::string& rack) { cut_racks_.erase(rack); }
  bool IsCut(const std::string& rack) const {
    return cut_racks_.contains(rack);
  }
  bool AreConnected(const SimulatedNode& one, const SimulatedNode& other) const;

  NodeAnswer Ask(const SimulatedNode& asker, const std::string& name,
                 bool is_new) const;
  // `now`: how long there has been one.
  void Step(std::chrono::milliseconds now);

  // Bytes, of all nodes.
  uint64_t sent() const { return sent_; }
  std::chrono::milliseconds longest_stall() const { return longest_stall_; }
  std::chrono::milliseconds longest_split() const { return longest_split_; }
  size_t most_at_source() const { return most_at_source_; }

 private:
  using Receivers = std::map<const SimulatedNode*, std::vector<SimulatedNode*>>;

  SimulatedNode* Find(const std::string& name) const;
  SimulatedNode* Followed(const SimulatedNode& node) const;
  // Whether nodes of other racks reach it.
  bool IsInReach(const SimulatedNode& node) const;
  // Whether `node` has its content from `other`, or is it.
  bool IsBelow(const SimulatedNode& node, const SimulatedNode& other) const;
  // Those that have their content from themselves, by way of others.
  std::set<const SimulatedNode*> Circles() const;
  // Of those that send, the one that has most.
  static const SimulatedNode* MostOf(const Receivers& receivers);
  void SendFrom(const SimulatedNode& sender,
                std::vector<SimulatedNode*>& receivers);
  void Check(std::chrono::milliseconds now,
             const std::map<const SimulatedNode*, uint64_t>& before);

  const SimulatedNodes& nodes_;
  std::set<std::string> cut_racks_;
  std::set<const SimulatedNode*> circles_;  // See Circles().
  uint64_t sent_ = 0;
  // For how long a node has got nothing; has had two parents.
  std::map<const SimulatedNode*, std::chrono::milliseconds> stalled_;
  std::map<const SimulatedNode*, std::chrono::milliseconds> split_;
  std::chrono::milliseconds longest_stall_{0};
  std::chrono::milliseconds longest_split_{0};
  size_t most_at_source_ = 0;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_NETWORK_H_
