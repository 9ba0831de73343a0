// The directories that files are served from, or received into, with a deadline
// for what their file systems do.
#ifndef TCPTOOL_SERVER_SESSIONS_CONTENT_ROOTS_H_
#define TCPTOOL_SERVER_SESSIONS_CONTENT_ROOTS_H_

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/sessions/beneath.h"
#include "server/sessions/content_root.h"
#include "server/sessions/disk_worker.h"

namespace tcptool::server {

// Any thread may call the const methods; none blocks on a disk.
class ContentRoots {
 public:
  // The deadline of an operation on a root's file system.
  static constexpr absl::Duration kDeadline = absl::Seconds(5);

  struct Space {
    std::string name;
    ContentRoot::Space space;
  };

  // `flag`: what adds a root on the service's command line, for errors.
  explicit ContentRoots(absl::Duration deadline = kDeadline,
                        BeneathMethod method = ChooseBeneathMethod(),
                        std::string flag = "--root")
      : deadline_(deadline), method_(method), flag_(std::move(flag)) {}

  // How paths below the roots are walked.
  BeneathMethod method() const { return method_; }

  // Adds "NAME=DIR", and has its file system asked for the directory, without
  // waiting for that. INVALID_ARGUMENT names it.
  absl::Status Begin(absl::string_view name_and_directory);
  // Waits for the answers of all that were begun. NOT_FOUND or
  // PERMISSION_DENIED name the first that cannot be served. One whose file
  // system does not answer within the deadline is added all the same, as it may
  // come back.
  absl::Status Finish();
  // Both.
  absl::Status Add(absl::string_view name_and_directory);

  // Runs `work` on a thread of the root, where it may block on the disk, then
  // calls `done` once, on a thread of the root: with the result of `work`, or
  // with UNAVAILABLE, which names the root, if the deadline comes first.
  // At once: NOT_FOUND, there is no such root; RESOURCE_EXHAUSTED, there is no
  // thread for it. `done` must not block, and is destroyed once it was called.
  // `work` may go on after that, and for longer than there are roots: it has to
  // own all that it uses.
  template <typename Result>
  void Run(const std::string& root,
           std::function<absl::StatusOr<Result>(const ContentRoot&)> work,
           std::function<void(absl::StatusOr<Result>)> done) const {
    Run(root, DiskWorker::Kind::kAsked, std::move(work), std::move(done));
  }
  // The same of work that looks at many files, or at any: it holds up no other
  // kind.
  template <typename Result>
  void Look(const std::string& root,
            std::function<absl::StatusOr<Result>(const ContentRoot&)> work,
            std::function<void(absl::StatusOr<Result>)> done) const {
    Run(root, DiskWorker::Kind::kListing, std::move(work), std::move(done));
  }
  // The same of work that nobody waits for, on a thread for such alone: what
  // may hang where other work does not, such as listing a directory.
  template <typename Result>
  void TidyUp(const std::string& root,
              std::function<absl::StatusOr<Result>(const ContentRoot&)> work,
              std::function<void(absl::StatusOr<Result>)> done) const {
    Run(root, DiskWorker::Kind::kTidyingUp, std::move(work), std::move(done));
  }

  // The space of all roots, by name; not set for those that missed the
  // deadline.
  void GetSpaces(const std::function<void(std::vector<Space>)>& done) const;

  // Answers everything that is pending with UNAVAILABLE. When this returns, no
  // `done` is running.
  void AnswerPending() const;

 private:
  struct Root {
    std::shared_ptr<const ContentRoot> root;
    std::unique_ptr<DiskWorker> worker;
  };

  template <typename Result>
  void Run(const std::string& root, DiskWorker::Kind kind,
           std::function<absl::StatusOr<Result>(const ContentRoot&)> work,
           std::function<void(absl::StatusOr<Result>)> done) const;
  absl::StatusOr<const Root*> Find(const std::string& name) const;
  static absl::Status NoAnswer(absl::string_view name,
                               DiskWorker::Failure failure);

  const absl::Duration deadline_;
  const BeneathMethod method_;
  const std::string flag_;
  std::map<std::string, Root> roots_;
  // Of those that were begun, in their order: name, and answer.
  std::vector<std::pair<std::string, std::future<absl::Status>>> begun_;
};

template <typename Result>
void ContentRoots::Run(
    const std::string& root, DiskWorker::Kind kind,
    std::function<absl::StatusOr<Result>(const ContentRoot&)> work,
    std::function<void(absl::StatusOr<Result>)> done) const {
  const absl::StatusOr<const Root*> found = Find(root);
  if (!found.ok()) return done(found.status());
  // It goes with what is called where there is no answer, which is there until
  // there is one. A disk that hangs keeps nothing that belongs to the caller.
  const auto kept =
      std::make_shared<std::function<void(absl::StatusOr<Result>)>>(
          std::move(done));
  (*found)->worker->Run(
      kind,
      [content = (*found)->root, work = std::move(work),
       done = std::weak_ptr(kept)] {
        return [result = work(*content), done]() mutable {
          (*done.lock())(std::move(result));
        };
      },
      [root, kept](DiskWorker::Failure failure) {
        (*kept)(NoAnswer(root, failure));
      });
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_CONTENT_ROOTS_H_
