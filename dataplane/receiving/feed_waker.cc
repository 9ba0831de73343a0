#include "dataplane/receiving/feed_waker.h"

namespace tcptool::dataplane {

void FeedWaker::Wake() {
  if (!waits_.exchange(false) || is_on_its_way_.exchange(true)) return;
  memory_.Post(io_, [self = shared_from_this()] {
    self->is_on_its_way_ = false;
    if (const auto wake = self->wake_.lock()) (*wake)();
  });
}

}  // namespace tcptool::dataplane
