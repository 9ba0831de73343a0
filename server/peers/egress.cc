#include "server/peers/egress.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace tcptool::server {
namespace {

// Who has taken this part of its rate may want more: what was taken is told
// each 250 ms, and so may be a quarter too little.
constexpr double kUsesAll = 0.7;
// Who takes less is held to so many times what it takes, and others have the
// rest. More than 1 / kUsesAll: else what it takes anyway would be seen as all
// of its rate.
constexpr double kRoom = 1.75;
// Who takes nothing, or almost, keeps one part of its fair rate in so many, by
// which is seen that it takes more again.
constexpr uint64_t kLeastPart = 8;

uint64_t LimitOf(uint64_t rate) { return rate == 0 ? kNoRateLimit : rate; }

uint64_t Less(uint64_t limit, uint64_t by) {
  return limit == kNoRateLimit ? limit : limit - std::min(limit, by);
}

// What is given to some, beyond `shares`, of what is left of `total`.
void HandOutRest(uint64_t total, std::vector<RateGroup> groups,
                 std::vector<std::vector<uint64_t>>& shares) {
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t j = 0; j < shares[i].size(); ++j) {
      groups[i].wants[j] = Less(groups[i].wants[j], shares[i][j]);
      groups[i].most = Less(groups[i].most, shares[i][j]);
      total = Less(total, shares[i][j]);
    }
  }
  const auto rest = FairShares(total, groups);
  for (size_t i = 0; i < shares.size(); ++i) {
    for (size_t j = 0; j < shares[i].size(); ++j) {
      shares[i][j] =
          rest[i][j] == kNoRateLimit ? kNoRateLimit : shares[i][j] + rest[i][j];
    }
  }
}

}  // namespace

void Egress::Add(uint64_t id, Connection connection) {
  absl::MutexLock lock(&mutex_);
  members_[id] = {.connection = std::move(connection)};
  Share();
}

void Egress::Remove(uint64_t id) {
  std::map<uint64_t, Member>::node_type gone;  // Let go of without the lock.
  absl::MutexLock lock(&mutex_);
  gone = members_.extract(id);
  if (!gone.empty()) Share();
}

void Egress::Look(Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  for (auto& [id, member] : members_) Measure(member, now);
  Share();
}

void Egress::Measure(Member& member, Clock::time_point now) {
  const std::optional<uint64_t> taken = member.connection.taken();
  const std::optional<uint64_t> before = std::exchange(member.taken, taken);
  const std::chrono::duration<double> time =
      now - std::exchange(member.looked_at, now);
  member.wants = kNoRateLimit;
  if (taken) member.was_known = true;
  if (member.rate == kNoRateLimit || time.count() <= 0) return;
  if (!taken && member.was_known) {  // Its connection has ended.
    member.wants = member.fair / kLeastPart;
    return;
  }
  if (!taken || !before || *taken < *before) return;
  const double used = static_cast<double>(*taken - *before) / time.count();
  if (used >= kUsesAll * static_cast<double>(member.rate)) return;
  member.wants =
      std::max(static_cast<uint64_t>(kRoom * used), member.fair / kLeastPart);
}

void Egress::Share() {
  std::map<std::string, std::vector<Member*>> by_content;
  for (auto& [id, member] : members_) {
    by_content[member.connection.content].push_back(&member);
  }
  std::vector<RateGroup> allowed;  // What each could have if it wanted it.
  std::vector<RateGroup> wanted;
  for (const auto& [content, members] : by_content) {
    const DistributedContents::Limits limits = limits_of_(content);
    allowed.push_back(
        {.most = LimitOf(limits.total),
         .wants = std::vector<uint64_t>(members.size(), LimitOf(limits.each))});
    RateGroup& group = wanted.emplace_back(allowed.back());
    for (size_t i = 0; i < members.size(); ++i) {
      group.wants[i] = std::min(group.wants[i], members[i]->wants);
    }
  }
  const auto fair = FairShares(most_, allowed);
  auto rates = FairShares(most_, wanted);
  HandOutRest(most_, std::move(allowed), rates);
  size_t group = 0;
  for (const auto& [content, members] : by_content) {
    for (size_t i = 0; i < members.size(); ++i) {
      Member& member = *members[i];
      member.fair = fair[group][i];
      // 0 would be no limit.
      const uint64_t rate = std::max<uint64_t>(1, rates[group][i]);
      if (std::exchange(member.rate, rate) == rate) continue;
      member.connection.set_rate(rate == kNoRateLimit ? 0 : rate);
    }
    ++group;
  }
}

uint64_t Egress::FairRate(uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = members_.find(id);
  if (found == members_.end() || found->second.fair == kNoRateLimit) return 0;
  return std::max<uint64_t>(1, found->second.fair);
}

}  // namespace tcptool::server
