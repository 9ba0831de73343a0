// Runs a command for each recipient that has ended.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_HOOK_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_HOOK_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "tcptool/v1/recipient.pb.h"

namespace tcptool {

// The environment's lines that tell a command of a recipient: "TCPTOOL_STATE=
// DELIVERED". Texts that others chose are without control characters.
std::vector<std::string> EnvironmentOf(const v1::Recipient& recipient);

// Runs `sh -c COMMAND` with these and with the environment of this process.
// What the shell interprets is COMMAND alone, which is the caller's. Its
// standard input is empty, its standard output is standard error.
//
// At most kAtOnce commands run at a time; the others wait for their turn, in
// their order. Run() and Finish() are for one thread.
class Hook {
 public:
  static constexpr int kAtOnce = 8;

  // `say` is called with a line, without its end, when a command has failed: on
  // any thread, one at a time.
  Hook(std::string command, std::function<void(const std::string&)> say);
  // Calls Finish().
  ~Hook();

  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  // Waits for nothing.
  void Run(const v1::Recipient& recipient);

  // Waits for all commands to end. ABORTED, if some have failed: how many, and
  // which was the first.
  absl::Status Finish();

 private:
  void RunAll();
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return finishing_ || !waiting_.empty();
  }
  // OK, or how it has failed.
  absl::Status RunOne(const v1::Recipient& recipient) const;

  const std::string command_;
  const std::function<void(const std::string&)> say_;
  absl::Mutex mutex_;
  std::deque<v1::Recipient> waiting_ ABSL_GUARDED_BY(mutex_);
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  int run_ ABSL_GUARDED_BY(mutex_) = 0;
  int failed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string first_failure_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_HOOK_H_
