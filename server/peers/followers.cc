#include "server/peers/followers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/peers/follow_call.h"

namespace tcptool::server {
namespace {

absl::Status Stopping() {
  return absl::UnavailableError(
      "the service is stopping; follow it again when it is back");
}

}  // namespace

absl::StatusOr<uint64_t> Followers::Add(std::shared_ptr<FollowCall> call,
                                        const std::string& caller) {
  uint64_t id = 0;
  uint64_t turned_out = 0;
  std::shared_ptr<FollowCall> makes_room;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return Stopping();
    if (calls_.size() == kMost) {
      turned_out = WhoMakesRoom(caller);
      if (turned_out == 0) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the service is followed by ", kMost,
                         " nodes, as many as it allows; follow another one"));
      }
      makes_room = Take(turned_out);
    }
    id = ++last_id_;
    calls_[id] = {.call = std::move(call), .caller = caller};
    ++counts_[caller];
  }
  tickets_.Revoke(turned_out);
  if (makes_room != nullptr) {
    makes_room->Stop(absl::ResourceExhaustedError(
        "the call has made room for another caller's, as this caller has the "
        "most; follow another node"));
  }
  return id;
}

uint64_t Followers::WhoMakesRoom(const std::string& caller) const {
  const auto most = std::ranges::max_element(
      counts_, {}, [](const auto& count) { return count.second; });
  const auto own = counts_.find(caller);
  // One that had the most of them again would take the place back.
  if (most->second < (own == counts_.end() ? 0 : own->second) + 2) return 0;
  for (auto newest = calls_.rbegin(); newest != calls_.rend(); ++newest) {
    if (newest->second.caller == most->first) return newest->first;
  }
  return 0;
}

std::shared_ptr<FollowCall> Followers::Take(uint64_t id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return nullptr;
  const auto count = counts_.find(found->second.caller);
  if (--count->second == 0) counts_.erase(count);
  std::shared_ptr<FollowCall> call = std::move(found->second.call);
  calls_.erase(found);
  return call;
}

void Followers::Remove(uint64_t id) {
  tickets_.Revoke(id);
  std::shared_ptr<FollowCall> gone;  // Let go of without the lock.
  absl::MutexLock lock(&mutex_);
  gone = Take(id);
}

std::shared_ptr<FollowCall> Followers::Find(uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second.call;
}

std::vector<std::shared_ptr<FollowCall>> Followers::All() const {
  std::vector<std::shared_ptr<FollowCall>> all;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, following] : calls_) all.push_back(following.call);
  return all;
}

absl::Status Followers::EndOf(const absl::Status& status) const {
  return draining_ && absl::IsFailedPrecondition(status) ? Stopping() : status;
}

bool Followers::Tick(std::chrono::steady_clock::time_point now) {
  bool is_end_next = false;
  for (const auto& call : All()) is_end_next |= call->Tick(now);
  return is_end_next;
}

void Followers::Stop() {
  Drain();
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (const auto& call : All()) call->Stop(Stopping());
}

}  // namespace tcptool::server
