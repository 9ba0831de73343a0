// What etcd has of a fleet, parsed.
#ifndef TCPTOOL_SERVER_FLEET_STATE_FLEET_STATE_H_
#define TCPTOOL_SERVER_FLEET_STATE_FLEET_STATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "server/fleet/etcd/prefix_mirror.h"
#include "server/fleet/state/fleet_keys.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// A value, and what guards of writes compare.
template <typename Value>
struct Stored {
  Value value;
  int64_t create_revision = 0;  // Of a node: its incarnation.
  int64_t mod_revision = 0;
};

struct Distribution {
  std::optional<Stored<v1::DistributionSpec>> spec;
  std::optional<Stored<v1::Head>> head;
  // The head is there, and is none that this version understands: the
  // distribution is left to the node that has written it.
  bool has_unknown_head = false;
  // By the name of the node.
  std::map<std::string, Stored<v1::EdgeRecord>> edges;
  std::map<std::string, Stored<v1::Delivery>> deliveries;
  bool is_cancel_requested = false;
};

// The edge that the node obeys: the newest whose epoch the head has reached;
// none if it has none.
const v1::Edge* EdgeInForce(const v1::EdgeRecord& record, int64_t head_epoch);
// The same, of a node of a distribution.
const v1::Edge* EdgeInForce(const Distribution& distribution,
                            const std::string& node);

// Follows the changes that a PrefixWatch tells. The coordinator has one of the
// whole fleet; a node's follower and DistributionService each one of what they
// watch. Not thread-safe.
class FleetState {
 public:
  explicit FleetState(FleetKeys keys) : keys_(std::move(keys)) {}

  // Skips keys and values that it does not understand; a value that it has
  // understood before is gone then.
  void Apply(const PrefixMirror::Changes& changes);

  const FleetKeys& keys() const { return keys_; }
  // Those that are registered, by their names.
  const std::map<std::string, Stored<v1::Node>>& nodes() const {
    return nodes_;
  }
  const std::optional<Stored<v1::Coordinator>>& coordinator() const {
    return coordinator_;
  }
  // By their names; also what is left of one without a spec.
  const std::map<std::string, Distribution>& distributions() const {
    return distributions_;
  }
  // How many ids of requests are remembered.
  size_t requests() const { return requests_.size(); }
  // How many changes were not understood.
  int64_t skipped() const { return skipped_; }

 private:
  void ApplyToDistribution(const FleetKey& key, const PrefixChange& change);
  // Stores what a change has, or deletes it.
  template <typename Value>
  void Store(const PrefixChange& change, std::optional<Stored<Value>>& stored);
  template <typename Value>
  void Store(const PrefixChange& change, const std::string& name,
             std::map<std::string, Stored<Value>>& stored);

  const FleetKeys keys_;
  std::map<std::string, Stored<v1::Node>> nodes_;
  std::optional<Stored<v1::Coordinator>> coordinator_;
  std::map<std::string, Distribution> distributions_;
  // Hashes of their keys.
  absl::flat_hash_set<size_t> requests_;
  int64_t skipped_ = 0;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_STATE_FLEET_STATE_H_
