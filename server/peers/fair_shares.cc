#include "server/peers/fair_shares.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace tcptool::server {
namespace {

uint64_t Sum(const std::vector<uint64_t>& rates) {
  uint64_t sum = 0;
  for (const uint64_t rate : rates) {
    sum = rate > kNoRateLimit - sum ? kNoRateLimit : sum + rate;
  }
  return sum;
}

std::vector<uint64_t> Shares(uint64_t total,
                             const std::vector<uint64_t>& wants) {
  if (total == kNoRateLimit) return wants;
  std::vector<size_t> order(wants.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&wants](size_t i) { return wants[i]; });
  std::vector<uint64_t> shares(wants.size());
  size_t left = wants.size();
  // What one does not want is shared by those who want more.
  for (const size_t i : order) {
    shares[i] = std::min(wants[i], total / left);
    total -= shares[i];
    --left;
  }
  return shares;
}

}  // namespace

std::vector<std::vector<uint64_t>> FairShares(
    uint64_t total, const std::vector<RateGroup>& groups) {
  std::vector<uint64_t> wants;
  wants.reserve(groups.size());
  for (const RateGroup& group : groups) {
    wants.push_back(std::min(group.most, Sum(group.wants)));
  }
  const std::vector<uint64_t> of_groups = Shares(total, wants);
  std::vector<std::vector<uint64_t>> shares;
  shares.reserve(groups.size());
  for (size_t i = 0; i < groups.size(); ++i) {
    shares.push_back(Shares(of_groups[i], groups[i].wants));
  }
  return shares;
}

}  // namespace tcptool::server
