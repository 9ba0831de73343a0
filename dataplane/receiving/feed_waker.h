// Wakes a feed that waits for content, from another lane too.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_FEED_WAKER_H_
#define TCPTOOL_DATAPLANE_RECEIVING_FEED_WAKER_H_

#include <asio/io_context.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "dataplane/lanes/task_memory.h"

namespace tcptool::dataplane {

// At most one wake is on its way to the feed's lane.
class FeedWaker : public std::enable_shared_from_this<FeedWaker> {
 public:
  // `wake` runs on the thread of `io`, which outlives the feed, until it is
  // gone.
  FeedWaker(asio::io_context& io, std::weak_ptr<std::function<void()>> wake)
      : io_(io), wake_(std::move(wake)) {}

  // The feed's side: it waits for a wake, or does not any more.
  void Wait() { waits_ = true; }
  void StopWaiting() { waits_ = false; }

  // Any thread: wakes a feed that waits. It is not woken again before it has
  // looked.
  void Wake();
  // The feed is gone.
  bool expired() const { return wake_.expired(); }

 private:
  asio::io_context& io_;
  const std::weak_ptr<std::function<void()>> wake_;
  std::atomic<bool> waits_{false};
  std::atomic<bool> is_on_its_way_{false};
  TaskMemory memory_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_FEED_WAKER_H_
