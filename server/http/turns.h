// Work that is done for whoever asks, one at a time.
#ifndef TCPTOOL_SERVER_HTTP_TURNS_H_
#define TCPTOOL_SERVER_HTTP_TURNS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

// So that those who ask hold up a thread that has other things to do for one of
// them at most. Any thread may call any method.
class Turns : public std::enable_shared_from_this<Turns> {
 public:
  // The turn goes on until the last copy of this is gone.
  using Turn = std::shared_ptr<const void>;
  using Work = std::function<void(Turn)>;

  static constexpr size_t kMostWaiting = 64;

  // Begins with `work` now, or when the turns before it are over, on the thread
  // where the last one of them ends. False: so many wait that it is dropped.
  bool Take(Work work);

  // Nothing begins any more; what waits is dropped.
  void Close();

 private:
  void Begin(const Work& work);
  void End();

  absl::Mutex mutex_;
  bool is_taken_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Work> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_TURNS_H_
