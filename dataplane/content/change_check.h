// Whether a file that is being sent is still what it was at the start.
#ifndef TCPTOOL_DATAPLANE_CONTENT_CHANGE_CHECK_H_
#define TCPTOOL_DATAPLANE_CONTENT_CHANGE_CHECK_H_

#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "dataplane/lanes/file_state.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// OK if `file` has the content that it had at `known`; sets `known` to the
// file's state now, which may differ by a lost name (unlink(2)). DATA_LOSS if
// the content may have changed; the system's error if it cannot be known. May
// wait for the disk.
absl::Status CheckUnchanged(const RandomAccessFile& file, FileState& known);

// Looks at a file for a lane's feed, on the disk's threads. Lives on the lane's
// thread.
class ChangeCheck : public std::enable_shared_from_this<ChangeCheck> {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;
  using Clock = std::chrono::steady_clock;

  // How often it looks by itself. A lost name hides a change of the content
  // that comes between the same two looks, if its time was set back.
  static constexpr Clock::duration kInterval = std::chrono::seconds(1);

  ChangeCheck(Lane& lane, std::shared_ptr<RandomAccessFile> file,
              const FileState& start)
      : lane_(lane), file_(std::move(file)), known_(start), timer_(lane.io()) {}

  // From now on it looks every kInterval.
  void Start();

  // Calls `done` on the lane, later, with the result of a look that is begun
  // after this call. All who ask while one is under way share the next. Not
  // called once this is gone.
  void Ask(Done done);

  // Of the last look: what has changed once stays so.
  const absl::Status& status() const { return status_; }

 private:
  void Look();
  void Looked(absl::Status status, const FileState& known);

  Lane& lane_;
  const std::shared_ptr<RandomAccessFile> file_;
  FileState known_;  // At the last look.
  absl::Status status_;
  bool looking_ = false;
  asio::steady_timer timer_;
  std::vector<Done> asked_;    // For the next look.
  std::vector<Done> waiting_;  // For the one that is under way.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_CHANGE_CHECK_H_
