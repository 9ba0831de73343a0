// How fast a node receives a distribution.
#ifndef TCPTOOL_SERVER_FLEET_STATE_EDGE_RATE_H_
#define TCPTOOL_SERVER_FLEET_STATE_EDGE_RATE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tcptool::fleet {

// What a node tells the coordinator of an edge, as etcd has no progress.
struct EdgeRate {
  std::string distribution;
  std::string node;
  std::string parent;  // Who has sent the content.
  int64_t epoch = 0;   // Of the edge that the node obeys.
  // For how long the parent had something to give, and what has come then, in
  // bytes.
  std::chrono::milliseconds busy{};
  uint64_t bytes = 0;
  // The same with the time in which it had nothing to give: the edge can do so
  // much at least. 0 of a node of an earlier release.
  std::chrono::milliseconds observed{};
  uint64_t observed_bytes = 0;
  // Bytes a second that the parent could send at least, by its own limits; 0:
  // it has named none.
  uint64_t allowed = 0;
};

using EdgeRates = std::vector<EdgeRate>;  // kMostEdgeRates at most.
inline constexpr size_t kMostEdgeRates = 100;

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_STATE_EDGE_RATE_H_
