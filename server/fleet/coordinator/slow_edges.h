// Which node of a distribution takes its content too slowly.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_SLOW_EDGES_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_SLOW_EDGES_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/fleet/state/edge_rate.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

struct SlowNode {
  std::string distribution;
  std::string node;
  // Bytes a second: at which it was seen to receive, or its child from it; and
  // what is usual in the distribution.
  uint64_t rate = 0;
  uint64_t usual = 0;
};

// Told of the rates of edges, it compares each with the others of the
// distribution; those of nodes that have all by now count too. Of an edge whose
// parent never had more than it could bring, it is only known what it can do at
// least: that counts where fewer than 8 were measured, but not below the edge
// that is compared, as all there wait for that. So it is compared with less
// than what is usual, if not with that. Where 8 are known, an edge is slow
// below a third of the median, if it is below it by more than three deviations
// (1.4826 MAD) too, for 5.5 s. Where fewer are known, it is slow below half of
// what it may have (the edge's cap_bytes_per_second, and what its parent lets
// it have) or, if that has no limit, below half of the median of the others,
// for 10 s. Nowhere is one slow that has half of what it may have. Only time in
// which the parent had something to give counts (EdgeRate.busy) for an edge to
// be slow. Where nothing can be compared with, nothing is found.
//
// The node below a slow edge is the slow one, unless its parent is below a slow
// edge itself: then that is, as a slow link may be slow both ways. But if
// another child of its parent was that before, and is not slow below another
// node, it is the parent; nobody, if that is the source, as all that it sends
// to share its uplink. A third of a distribution's nodes is found to be slow at
// most, one at least, each once, and after each all edges have to be seen anew:
// so plans are few, whatever nodes tell.
//
// Has no clock; no more than what is in force is remembered. Not thread-safe.
class SlowEdges {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Whom to plan to the end now, if anybody. Ignored is what is not of an edge
  // that is in force, or comes more often than once a second; but three may
  // come at once, as those of a slow link are late.
  std::optional<SlowNode> Report(const FleetState& state, const EdgeRate& rate,
                                 Time now);

 private:
  using Duration = std::chrono::milliseconds;

  struct Edge {
    std::string parent;
    int64_t epoch = 0;
    // In bytes a second, the last ones; one of them is there. While the parent
    // had something to give:
    std::optional<double> rate;
    // And all the time.
    std::optional<double> least;
    double most = 0;  // What it may have, as far as known; 0: no limit.
    Duration slow_for{};
    Time due{};  // A second for each that was told of it.
    std::optional<Time> measured_at;

    // What others are compared with: what was measured in a short time may be
    // less than what it does all the time.
    double shown() const {
      return std::max(rate.value_or(0), least.value_or(0));
    }
  };
  // Of edges of nodes that were not found.
  struct Spread {
    size_t known = 0;
    double median = 0;
    double mad = 0;  // How far from it they are, in the median.
  };
  struct Rates {
    std::map<std::string, Edge> edges;  // By node.
    std::set<std::string> found;
    // By parent: the first child that was found to be slow below it.
    std::map<std::string, std::string> found_below;
    Spread spread;  // Of those that were measured; at `looked_at`.
    std::optional<Time> looked_at;
  };
  struct Measure {
    double usual;     // Bytes a second.
    double least;     // What is below it is slow.
    Duration enough;  // For so long.
  };

  // Forgets distributions that are over.
  void Sweep(const FleetState& state, Time now);
  // Forgets edges that are not in force, and looks how fast the others are.
  static void Look(const Distribution& distribution, Rates& rates, Time now);
  static Spread SpreadOf(std::vector<double> rates);
  static Measure MeasureOfMany(const Spread& spread, double most);
  static std::optional<Measure> MeasureFor(const Distribution& distribution,
                                           const Rates& rates,
                                           const std::string& node);
  // The node or its parent, if that one's own edge is slow, and was for half of
  // the time at least.
  static const std::string& FirstSlow(const Distribution& distribution,
                                      const Rates& rates,
                                      const std::string& node);
  static std::string Culprit(const Rates& rates, const std::string& node,
                             double least);

  std::map<std::string, Rates> distributions_;
  std::optional<Time> swept_at_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_SLOW_EDGES_H_
