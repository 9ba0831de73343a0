// How far nodes are with distributions.
#ifndef TCPTOOL_SERVER_FLEET_STATE_NODE_PROGRESS_H_
#define TCPTOOL_SERVER_FLEET_STATE_NODE_PROGRESS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace tcptool::fleet {

// What a node tells the coordinator of a distribution that it receives, and
// that another, as etcd has no progress.
struct NodeProgress {
  std::string distribution;
  int64_t revision = 0;  // At which its spec was created.
  std::string node;
  int64_t bytes_received = 0;
  int64_t bytes_per_second = 0;      // Of late.
  std::chrono::milliseconds age{0};  // How long ago it was told.
};

// How many a node tells at a time.
inline constexpr size_t kMostProgressTold = 100;

// What is known of a distribution for clients.
struct KnownProgress {
  int64_t bytes_received = 0;
  int64_t bytes_per_second = 0;
  absl::Time time;  // When it was so.
};
using ProgressByNode = std::map<std::string, KnownProgress>;

// `now` is what ages are counted from.
inline ProgressByNode ByNode(const std::vector<NodeProgress>& all,
                             absl::Time now) {
  ProgressByNode known;
  for (const NodeProgress& one : all) {
    known[one.node] = {.bytes_received = one.bytes_received,
                       .bytes_per_second = one.bytes_per_second,
                       .time = now - absl::FromChrono(one.age)};
  }
  return known;
}

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_STATE_NODE_PROGRESS_H_
