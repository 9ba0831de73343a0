// How a rate is shared among those who want some of it.
#ifndef TCPTOOL_SERVER_PEERS_FAIR_SHARES_H_
#define TCPTOOL_SERVER_PEERS_FAIR_SHARES_H_

#include <cstdint>
#include <limits>
#include <vector>

namespace tcptool::server {

// Bytes a second.
inline constexpr uint64_t kNoRateLimit = std::numeric_limits<uint64_t>::max();

// Those who share what their group gets.
struct RateGroup {
  uint64_t most = kNoRateLimit;  // Of all together.
  std::vector<uint64_t> wants;   // Of each, at most; kNoRateLimit: all it gets.
};

// What each gets, by group: max-min fair. Nobody gets more than it wants, and
// what one does not want is shared equally by those of its group who want more;
// the same is true of groups. All together get `total` at most, and no less if
// they want as much.
std::vector<std::vector<uint64_t>> FairShares(
    uint64_t total, const std::vector<RateGroup>& groups);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_FAIR_SHARES_H_
