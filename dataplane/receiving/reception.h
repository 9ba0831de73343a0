// A reception: a content that comes from an upstream goes into a file, is
// verified, and is sent on meanwhile.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_RECEPTION_H_
#define TCPTOOL_DATAPLANE_RECEIVING_RECEPTION_H_

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/base/sha256.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/disk_writer.h"
#include "dataplane/receiving/partial_file.h"
#include "dataplane/receiving/receiver.h"
#include "dataplane/receiving/reception_status.h"
#include "dataplane/receiving/spool.h"
#include "dataplane/receiving/upstream.h"

namespace tcptool::dataplane {

struct ReceptionOptions {
  // What errors of the sessions that it feeds call it; for people.
  std::string name = "the reception of the content";
  // `resumable` is set from the upstream.
  Destination destination;
  // Takes up the partial file of an earlier attempt of the same id, if there is
  // one and the upstream is resumable.
  bool resume = false;
  // The content's, as its owner knows them: anything else FAILS.
  std::optional<uint64_t> expected_length;
  std::optional<Digest> expected_sha256;
  std::optional<Digest> expected_root;
  // Whether the SHA-256 is computed although none is expected.
  bool compute_sha256 = false;
  // More bytes than this FAIL. What is expected is set aside in the file system
  // before anything comes.
  uint64_t max_length = uint64_t{1} << 62;
  // How long nothing may come: from the connection to the first byte, and after
  // that. Time in which our own disk holds things up does not count.
  absl::Duration first_byte_timeout = absl::InfiniteDuration();
  absl::Duration stall_timeout = absl::InfiniteDuration();
  // Whether one that is INTERRUPTED may go on in a later process: its partial
  // file stays then, if the upstream is resumable.
  bool goes_on_later = true;
};

// Receives a reception's changes in order, on its lane: must not block.
class ReceptionObserver {
 public:
  virtual ~ReceptionObserver() = default;

  // Changes of state at once, progress at most four times a second. The last
  // update is the one whose state is final.
  virtual void OnUpdate(const ReceptionStatus& status) = 0;

  // The content is whole, verified and on the disk, `status` has all that is
  // known of it, and its file gets its name once `go_on` is called, on any
  // thread. Only `mark` (see MarkOf()) tells after a crash whether it has got
  // it.
  virtual void BeforeNaming(const ReceptionStatus& /*status*/,
                            const std::string& /*mark*/,
                            const std::function<void()>& go_on) {
    go_on();
  }
};

// Any thread may call the public methods; they post to the reception's lane.
// The engine outlives its receptions' use.
class Reception final : public std::enable_shared_from_this<Reception>,
                        public ContentClaims,
                        private Receiver::Owner {
 public:
  using Done = std::function<void(absl::Status)>;
  static constexpr std::chrono::seconds kCommitPatience{5};

  // What the engine gives to each of its receptions.
  struct Environment {
    Lane& lane;
    DiskThreads& disk;
    FileApi& files;
    // Called on the lane, behind the last update.
    std::function<void()> on_end;
  };

  // Begins at once: the file first, then the upstream's connection.
  static std::shared_ptr<Reception> Create(
      Environment environment, ReceptionOptions options,
      std::unique_ptr<Upstream> upstream,
      std::shared_ptr<ReceptionObserver> observer);

  // Removes what has come, and resets the connection; `done` is called on the
  // lane. Does nothing to a reception that has ended. ABORTED: its state is not
  // `expected`, if that is given. FAILED_PRECONDITION: the whole content is
  // being given its name.
  void Cancel(std::optional<ReceptionState> expected, Done done);
  // It is INTERRUPTED: what has come stays, where the upstream is resumable,
  // for an attempt with `resume`. One whose content is getting its name goes on
  // to the end, unless the disk takes longer than kCommitPatience for that.
  void Stop();

  // ContentClaims, of a resumable upstream:
  void Expect(uint64_t first, std::vector<Digest> digests) override;
  void ExpectLength(uint64_t length) override;
  void ExpectEnd(const ContentEnd& end) override;
  void FallenSilent(const absl::Status& reason) override;
  void Leave(const absl::Status& reason) override;
  void StartAnew(const absl::Status& reason) override;
  void GiveUp(const absl::Status& reason) override;
  uint64_t position() const override { return status_.bytes_received; }
  std::chrono::steady_clock::time_point silent_since() const override;

  // What has come, as the content of a session, at once and while the rest
  // comes: see Spool. It ends when the whole is verified, and fails if the
  // reception does.
  std::shared_ptr<Source> OpenSource(Spool::Level level);

 private:
  Reception(Environment environment, ReceptionOptions options,
            std::unique_ptr<Upstream> upstream,
            std::shared_ptr<ReceptionObserver> observer);

  // Receiver::Owner:
  void Received(uint64_t position) override;
  void Ended() override;
  void Lost(const absl::Status& reason) override;

  // On one of the disk's threads.
  static absl::StatusOr<std::shared_ptr<PartialFile>> OpenFile(
      FileApi& files, Destination& destination, bool resume, uint64_t allocate);
  // The same. False: the reception has ended meanwhile, and the file is not
  // used.
  bool Keep(const std::shared_ptr<PartialFile>& file);
  void Open();
  void TryToOpen(Destination destination);
  // Whether what has ended with `error` is tried again, by `again` at the next
  // look: that lacked what may soon be there, as descriptors, and has done so
  // for less than stall_timeout.
  bool TriesAgain(const absl::Status& error,
                  std::function<void(Reception&)> again);
  void OnOpened(const absl::StatusOr<std::shared_ptr<PartialFile>>& file);
  void Connect(const absl::Status& lost);
  void OnConnected(absl::StatusOr<UpstreamConnection> connection);
  // Goes on with another connection, from the last whole block.
  void Reconnect(const absl::Status& lost);
  void OnWriterChanged();
  // The blocks from this one on are to come again, and what is known of them is
  // to be told anew; `reason`: why, for the upstream.
  void StartRewind(uint64_t bad_block, const absl::Status& reason);
  // What the upstream has said of the content cannot be: all of it is to be
  // told anew. Blocks that have come stay if the digests that are told then are
  // theirs. Fails the reception if the upstream has no other source.
  void Doubt(const absl::Status& reason);
  // No more than this can be the content.
  void DoubtLength(uint64_t most);
  // Whether the end is the one that the owner expects.
  absl::Status CheckExpected(const ContentEnd& end) const;
  absl::Status CheckExpectedLength(uint64_t length) const;
  // Has the file system set aside what the upstream says that comes. Where it
  // cannot, that is doubted, as it may be wrong.
  void SetAside(uint64_t length);
  void OnSetAside(uint64_t length, const absl::Status& status);
  void RewindIfIdle(bool is_idle);
  void OnRewound();
  // Takes `claimed_end_` as the end, unless it contradicts the digests.
  void CheckClaimedEnd();
  void OnEndChecked(const ContentEnd& end, bool contradicts);
  // Fails the reception if more has come than may, and completes it when the
  // end that its upstream has announced is reached.
  void CheckLength();
  void Complete();
  void OnContentWritten();
  // What is whole has this root.
  void OnRoot(const Digest& root);
  // And is on the disk; `mark`: see MarkOf().
  void OnSynced(const Digest& root, const absl::StatusOr<std::string>& mark);
  // What is whole is not the expected content. Another source may have that.
  void FailOrDoubt(const std::string& wrong);
  void Commit();
  void OnCommitted(const absl::Status& status, const FileStamp& stamp);
  void OnSenderTold(const absl::Status& status);

  // Runs `call` with the file on one of the disk's threads, and `then` with its
  // result on the lane.
  template <typename Call, typename Then>
  void OnDisk(Call call, Then then);
  // Runs `call` on the lane, unless the reception has ended.
  template <typename Call>
  void OnLane(Call call);

  void FailFile(const absl::Status& error);
  // The upstream has no connection, or no digests, and will have none.
  void FailUpstream(const absl::Status& error);
  void Fail(ReceptionReason reason, std::string detail);
  // Its last update.
  void End(ReceptionState state, ReceptionReason reason, std::string detail);
  void ForgetConnection();
  void SetState(ReceptionState state);
  void Publish();
  void StartTimer();
  void OnTimer();
  void CheckSilence();
  void CheckCommit();
  // Since when the whole content is written, but the upstream has not sent the
  // digests that it is verified against; now, if it does not wait for these.
  std::chrono::steady_clock::time_point DigestsMissingSince();
  void Measure();
  void Notify();
  // Removes the file, unless it has its name, or stays for another attempt.
  void LetGoOfFile();
  bool ended() const { return IsFinal(status_.state); }

  const Environment environment_;
  ReceptionOptions options_;  // Its destination: until the file is open.
  const std::unique_ptr<Upstream> upstream_;
  std::shared_ptr<ReceptionObserver> observer_;  // Null once it has ended.
  const std::shared_ptr<Spool> spool_;
  std::shared_ptr<DiskWriter> writer_;  // Once the file is open.
  std::shared_ptr<Receiver> receiver_;  // While connected.
  ReceptionStatus status_;
  // Where the upstream says that the content ends; and before it is compared
  // with the digests.
  std::optional<ContentEnd> end_;
  std::optional<ContentEnd> claimed_end_;
  // So many bytes are set aside, or are to be so.
  std::optional<uint64_t> set_aside_;
  bool is_setting_aside_ = false;
  // Why the last source's content is none for this disk; OK while one sends.
  absl::Status no_room_;
  // The connection has ended, and the upstream has not said whether all of the
  // content had come by then.
  bool awaits_end_ = false;
  // Digests that came before the file was open.
  std::vector<Digest> early_digests_;
  // The block that is to come again once the writer is idle.
  std::optional<uint64_t> rewind_to_;
  absl::Status rewind_reason_;
  bool is_rewinding_ = false;
  // All that was told is forgotten with it.
  bool forgets_all_ = false;
  // What was published as verified, in bytes: others may have it.
  uint64_t vouched_ = 0;
  bool is_finishing_ = false;   // The content is checked, synced and renamed.
  bool is_committing_ = false;  // The file is being renamed, or has its name.
  bool is_committed_ = false;   // It has its name.
  // Of a reception that is to stop, while its file is being renamed.
  std::optional<std::chrono::steady_clock::time_point> commit_deadline_;
  std::atomic<bool> change_posted_{false};
  std::optional<asio::steady_timer> timer_;  // Until it has ended.
  std::function<void(Reception&)> again_;    // See TriesAgain(); null: nothing.
  std::optional<std::chrono::steady_clock::time_point> lacks_since_;
  uint64_t measured_bytes_ = 0;
  std::chrono::steady_clock::time_point began_;  // At the first byte.
  std::chrono::steady_clock::time_point measured_at_;
  std::optional<std::chrono::steady_clock::time_point> digests_missing_since_;
  DiskThreads::Client client_;

  // What becomes of the partial file. It may still be being opened when the
  // reception ends.
  enum class FileFate : uint8_t { kInUse, kStays, kRemoved };

  mutable absl::Mutex mutex_;
  std::shared_ptr<PartialFile> file_ ABSL_GUARDED_BY(mutex_);
  FileFate file_fate_ ABSL_GUARDED_BY(mutex_) = FileFate::kInUse;
};

template <typename Call>
void Reception::OnLane(Call call) {
  asio::post(environment_.lane.io(),
             [self = shared_from_this(), call = std::move(call)]() mutable {
               if (!self->ended()) call(*self);
             });
}

template <typename Call, typename Then>
void Reception::OnDisk(Call call, Then then) {
  environment_.disk.Run(client_, [self = shared_from_this(), writer = writer_,
                                  call, then]() mutable {
    auto result = call(*writer);
    self->OnLane([then, result](Reception& reception) mutable {
      then(reception, std::move(result));
    });
  });
}

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_RECEPTION_H_
