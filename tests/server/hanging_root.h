// A root whose file system does not answer, for a while.
#ifndef TCPTOOL_TESTS_SERVER_HANGING_ROOT_H_
#define TCPTOOL_TESTS_SERVER_HANGING_ROOT_H_

#include <cstddef>
#include <latch>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/disk_worker.h"

namespace tcptool::server {

// Hangs and answers once. The deadline of the roots is that of what is asked
// meanwhile: as soon as it has been missed, nothing is asked of the root.
class HangingRoot {
 public:
  // `roots` outlives it.
  HangingRoot(const ContentRoots& roots, std::string root)
      : roots_(roots), root_(std::move(root)) {}
  ~HangingRoot() { Answer(); }

  HangingRoot(const HangingRoot&) = delete;
  HangingRoot& operator=(const HangingRoot&) = delete;

  void Hang() const {
    for (size_t i = 0; i < DiskWorker::kMaxThreads; ++i) {
      const auto hangs = std::make_shared<absl::Notification>();
      Run([hangs, answers = answers_] {
        hangs->Notify();
        answers->WaitForNotification();
      });
      hangs->WaitForNotification();
    }
  }
  void Answer() const {
    if (!answers_->HasBeenNotified()) answers_->Notify();
  }
  // After Answer(), before the deadline: returns when all that was asked has
  // been done, though nobody may have waited for it.
  void WaitUntilDone() const {
    // Each of them is on a thread of its own once all have begun.
    const auto all = std::make_shared<std::latch>(DiskWorker::kMaxThreads + 1);
    for (size_t i = 0; i < DiskWorker::kMaxThreads; ++i) {
      Run([all] { all->arrive_and_wait(); });
    }
    all->arrive_and_wait();
  }

 private:
  template <typename Work>
  void Run(Work work) const {
    roots_.Run<bool>(
        root_,
        [work](const ContentRoot&) -> absl::StatusOr<bool> {
          work();
          return true;
        },
        [](const auto&) {});
  }

  const ContentRoots& roots_;
  const std::string root_;
  const std::shared_ptr<absl::Notification> answers_ =
      std::make_shared<absl::Notification>();
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_HANGING_ROOT_H_
