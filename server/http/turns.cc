#include "server/http/turns.h"

#include <utility>

namespace tcptool::server {

bool Turns::Take(Work work) {
  {
    absl::MutexLock lock(&mutex_);
    if (is_closed_ || waiting_.size() == kMostWaiting) return false;
    if (is_taken_) {
      waiting_.push_back(std::move(work));
      return true;
    }
    is_taken_ = true;
  }
  Begin(work);
  return true;
}

void Turns::Close() {
  std::deque<Work> dropped;
  absl::MutexLock lock(&mutex_);
  is_closed_ = true;
  dropped.swap(waiting_);
}

void Turns::Begin(const Work& work) {
  // What it points to is nothing: its deleter is what counts.
  work(Turn(nullptr,
            [self = shared_from_this()](std::nullptr_t) { self->End(); }));
}

void Turns::End() {
  Work next;
  {
    absl::MutexLock lock(&mutex_);
    if (waiting_.empty()) {
      is_taken_ = false;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  Begin(next);
}

}  // namespace tcptool::server
