#include "server/peers/followers.h"

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

absl::StatusOr<uint64_t> Followers::Add(std::shared_ptr<FollowCall> call) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return Stopping();
  if (calls_.size() == kMost) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the service is followed by ", kMost,
                     " nodes, as many as it allows; follow another one"));
  }
  calls_[++last_id_] = std::move(call);
  return last_id_;
}

void Followers::Remove(uint64_t id) {
  tickets_.Revoke(id);
  absl::MutexLock lock(&mutex_);
  calls_.erase(id);
}

std::shared_ptr<FollowCall> Followers::Find(uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<FollowCall>> Followers::All() const {
  std::vector<std::shared_ptr<FollowCall>> all;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, call] : calls_) all.push_back(call);
  return all;
}

absl::Status Followers::EndOf(const absl::Status& status) const {
  return draining_ && absl::IsFailedPrecondition(status) ? Stopping() : status;
}

void Followers::Tick(std::chrono::steady_clock::time_point now) {
  for (const auto& call : All()) call->Tick(now);
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
