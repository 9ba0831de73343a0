#include "server/fleet/service/seen_revisions.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <system_error>
#include <utility>
#include <vector>

namespace tcptool::fleet {

struct SeenRevisions::Wait {
  int64_t revision;
  std::function<void()> then;
  asio::steady_timer timer;
};

void SeenRevisions::When(int64_t revision, std::function<void()> then) {
  if (seen_ >= revision) return then();
  const auto wait = std::make_shared<Wait>(
      Wait{.revision = revision,
           .then = std::move(then),
           .timer = asio::steady_timer(executor_, kLongest)});
  waits_.push_back(wait);
  // Cancelled when it was seen before, as the timer goes with the wait.
  wait->timer.async_wait(
      [this, weak = std::weak_ptr<Wait>(wait)](std::error_code) {
        const auto late = weak.lock();
        if (late == nullptr) return;
        waits_.remove(late);
        late->then();
      });
}

void SeenRevisions::See(int64_t revision) {
  seen_ = revision;
  std::vector<std::shared_ptr<Wait>> seen;
  std::copy_if(waits_.begin(), waits_.end(), std::back_inserter(seen),
               [this](const auto& wait) { return wait->revision <= seen_; });
  for (const auto& wait : seen) waits_.remove(wait);
  for (const auto& wait : seen) wait->then();
}

}  // namespace tcptool::fleet
