// A content that somebody in this process pushes into a reception, as it comes
// to him.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_PUSHED_CONTENT_H_
#define TCPTOOL_DATAPLANE_RECEIVING_PUSHED_CONTENT_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::dataplane {

// Between a producer and the PushUpstream of a reception, which may begin later
// than the producer. Holds one piece at a time: the producer waits until the
// reception has taken it. Any thread may call any method.
class PushedContent {
 public:
  // --- The producer's side ---

  // The content has a producer from here on. False: it has, or had, one before;
  // there is none again.
  bool Begin();
  // Only if HasRoom(), and neither End() nor Fail() was called.
  void Push(std::string piece);
  // The content ends behind what was pushed.
  void End();
  // There will be no more: fails the reception. `why` is its detail; its reason
  // is STALLED for DEADLINE_EXCEEDED, and else CONNECTION_LOST.
  void Fail(const absl::Status& why);
  // Whether one more piece may be pushed. If not, `on_change` is called once
  // when it may.
  bool HasRoom();
  // What came of the content; none while that is not known.
  std::optional<absl::Status> result() const;
  // See HasRoom(); called when there is a result, too. On any thread, without a
  // lock: must not wait. A call that has begun may go on when another one, or
  // null, is set.
  void SetOnChange(std::function<void()> on_change);

  // --- Of whoever looks after the reception ---

  bool has_begun() const;
  // What Fail() was called with; OK: it was not, or too late.
  absl::Status failure() const;
  // OK: the reception has the whole. Else why it has not, or why there is none.
  // Nothing is taken any more. The first one counts.
  void Finish(const absl::Status& result);

  // --- The upstream's side ---

  struct Next {
    // Not empty: there is nothing else but a failure before Taken() is called.
    std::string piece;
    bool is_end = false;   // There is no more, and this was all.
    absl::Status failure;  // Why there will be no more.
  };
  // `wake` is called, under a lock, when there may be a Next: must not wait,
  // nor call this. False, and no effect: one was attached before, and may have
  // taken a part of the content, so that another one would not get all of it.
  bool Attach(std::function<void()> wake);
  // Only who has attached himself.
  void Detach();
  Next TakeNext();
  // The piece that was taken last is in the reception, or on its way there.
  void Taken();

 private:
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (wake_ != nullptr) wake_();
  }
  std::function<void()> on_change() const {
    absl::MutexLock lock(&mutex_);
    return on_change_;
  }

  mutable absl::Mutex mutex_;
  bool has_begun_ ABSL_GUARDED_BY(mutex_) = false;
  std::string piece_ ABSL_GUARDED_BY(mutex_);
  bool has_room_ ABSL_GUARDED_BY(mutex_) = true;
  bool is_awaited_ ABSL_GUARDED_BY(mutex_) = false;  // HasRoom() said no.
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_change_ ABSL_GUARDED_BY(mutex_);
  bool was_attached_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> wake_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_PUSHED_CONTENT_H_
