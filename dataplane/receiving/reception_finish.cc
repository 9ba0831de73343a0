// How a reception ends: what has come is verified, is brought to the disk and
// gets its name; or it fails.
#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/receiving/reception.h"

namespace tcptool::dataplane {
namespace {

ReceptionReason ReasonOfFile(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kResourceExhausted:
      return ReceptionReason::kNoSpace;
    case absl::StatusCode::kAlreadyExists:
      return ReceptionReason::kAlreadyExists;
    default:
      return ReceptionReason::kDestinationFailed;
  }
}

}  // namespace

void Reception::Complete() {
  if (status_.state == ReceptionState::kVerifying) return;
  const uint64_t length = status_.bytes_received;
  if (options_.expected_length && *options_.expected_length != length) {
    return Fail(ReceptionReason::kLengthMismatch,
                absl::StrCat("the content ended after ", length, " bytes; ",
                             *options_.expected_length, " were expected"));
  }
  status_.content_length = length;
  if (receiver_ != nullptr) receiver_->Flush();
  SetState(ReceptionState::kVerifying);
  writer_->Complete(length);
}

void Reception::OnContentWritten() {
  is_finishing_ = true;
  status_.sha256 = writer_->sha256();
  OnDisk([](DiskWriter& writer) { return Root(writer.manifest()); },
         [](Reception& self, const Digest& root) { self.OnRoot(root); });
}

void Reception::OnRoot(const Digest& root) {
  const auto end_root = end_ ? std::optional(end_->root) : std::nullopt;
  for (const auto& expected : {options_.expected_root, end_root}) {
    if (!expected || *expected == root) continue;
    return FailOrDoubt(absl::StrCat("the content has the root ", ToHex(root),
                                    "; ", ToHex(*expected), " was expected"));
  }
  if (options_.expected_sha256 && status_.sha256 != options_.expected_sha256) {
    return FailOrDoubt(
        absl::StrCat("the content has the SHA-256 ", ToHex(*status_.sha256),
                     "; ", ToHex(*options_.expected_sha256), " was expected"));
  }
  // A sender of the other kind may take back what it has sent, by a reset.
  if (upstream_->resumable()) {
    spool_->Conclude({.length = *status_.content_length, .root = root});
  }
  // Apart from the commit, so that a reset meanwhile is still in time.
  OnDisk(
      [length = *status_.content_length](
          DiskWriter& writer) -> absl::StatusOr<std::string> {
        absl::Status status = writer.file()->EndAt(length);
        if (status.ok()) status = writer.file()->Checkpoint({});
        if (!status.ok()) return status;
        return writer.file()->Mark();
      },
      [root](Reception& self, const absl::StatusOr<std::string>& mark) {
        self.OnSynced(root, mark);
      });
}

void Reception::OnSynced(const Digest& root,
                         const absl::StatusOr<std::string>& mark) {
  if (!mark.ok()) return FailFile(mark.status());
  status_.root = root;
  observer_->BeforeNaming(status_, *mark, [self = shared_from_this()] {
    self->OnLane([](Reception& reception) { reception.Commit(); });
  });
}

void Reception::FailOrDoubt(const std::string& wrong) {
  if (!upstream_->resumable()) {
    return Fail(ReceptionReason::kDigestMismatch, wrong);
  }
  is_finishing_ = false;
  status_.sha256.reset();
  Doubt(absl::FailedPreconditionError(wrong));
}

void Reception::Commit() {
  const DiskWriter::State state = writer_->state();
  if (!state.error.ok() || state.bad_block) {
    // Somebody who reads what has come has found that the disk has lost it.
    is_finishing_ = false;
    status_.sha256.reset();
    status_.root.reset();
    return OnWriterChanged();
  }
  // Where nothing else says that the content is complete, the sender's end
  // does, unless a reset follows it.
  if (!upstream_->resumable()) {
    const absl::Status connection = receiver_->Check();
    if (!connection.ok()) return Lost(connection);
  }
  spool_->Complete({.length = *status_.content_length, .root = *status_.root},
                   status_.sha256);
  is_committing_ = true;
  OnDisk(
      [](DiskWriter& writer) {
        const absl::Status committed = writer.file()->Commit();
        return std::pair(committed, writer.file()->Stamp());
      },
      [](Reception& self, const std::pair<absl::Status, FileStamp>& result) {
        self.OnCommitted(result.first, result.second);
      });
}

void Reception::OnCommitted(const absl::Status& status,
                            const FileStamp& stamp) {
  // It is not tried again: a second sync says nothing of what a first one has
  // failed to bring to the disk (fsync(2)).
  if (!status.ok()) return FailFile(status);
  is_committed_ = true;
  // Found meanwhile, by somebody who reads it. Nothing can come again now.
  const DiskWriter::State state = writer_->state();
  if (state.bad_block || absl::IsDataLoss(state.error)) {
    return Fail(ReceptionReason::kDestinationFailed,
                "the disk has lost a part of the content while that was given "
                "its name: the file that has it is not the content; remove it, "
                "and receive it again");
  }
  status_.file_stamp = stamp;
  status_.bytes_verified = status_.bytes_durable = *status_.content_length;
  if (upstream_->resumable()) {
    if (receiver_ != nullptr) std::exchange(receiver_, nullptr)->CloseInOrder();
    return OnSenderTold(absl::OkStatus());
  }
  receiver_->EndInOrder([weak = weak_from_this()](const absl::Status& told) {
    const auto self = weak.lock();
    if (self != nullptr && !self->ended()) self->OnSenderTold(told);
  });
}

// The thread that renames cannot be broken off.
void Reception::CheckCommit() {
  if (is_committed_ || !commit_deadline_ ||
      std::chrono::steady_clock::now() < *commit_deadline_) {
    return;
  }
  End(ReceptionState::kInterrupted, ReceptionReason::kNone,
      "the service was stopped while the disk did not answer; the whole "
      "content may have its name all the same");
}

void Reception::OnSenderTold(const absl::Status& status) {
  End(ReceptionState::kSucceeded, ReceptionReason::kNone,
      status.ok() ? ""
                  : absl::StrCat("the sender does not know of it, as it has "
                                 "closed the connection before: ",
                                 status.message()));
}

void Reception::FailFile(const absl::Status& error) {
  Fail(ReasonOfFile(error), std::string(error.message()));
}

void Reception::FailUpstream(const absl::Status& error) {
  if (!no_room_.ok()) return FailFile(no_room_);
  ReceptionReason reason = ReceptionReason::kConnectionLost;
  if (absl::IsDataLoss(error)) {
    reason = ReceptionReason::kDigestMismatch;
  } else if (absl::IsOutOfRange(error)) {
    reason = ReceptionReason::kLengthMismatch;
  } else if (status_.connections == 0) {
    reason = ReceptionReason::kUnreachable;
  } else if (absl::IsDeadlineExceeded(error)) {
    reason = ReceptionReason::kStalled;
  }
  Fail(reason, std::string(error.message()));
}

void Reception::Fail(ReceptionReason reason, std::string detail) {
  if (ended()) return;
  End(ReceptionState::kFailed, reason, std::move(detail));
}

void Reception::End(ReceptionState state, ReceptionReason reason,
                    std::string detail) {
  ForgetConnection();
  upstream_->Cancel();
  status_.state = state;
  status_.reason = reason;
  status_.detail = std::move(detail);
  status_.end_time = absl::Now();
  const double seconds = status_.start_time == absl::InfinitePast()
                             ? 0
                             : std::chrono::duration<double>(
                                   std::chrono::steady_clock::now() - began_)
                                   .count();
  status_.bytes_per_second = static_cast<uint64_t>(
      seconds > 0 ? (status_.bytes_received -
                     std::min(status_.bytes_received, status_.bytes_resumed)) /
                        seconds
                  : 0);
  if (state == ReceptionState::kSucceeded) {
    // Sessions that are served from it may go on for long.
    writer_->FreeMemory();
  } else {
    spool_->Fail(absl::UnavailableError(absl::StrCat(
        options_.name, " is ", std::string(Name(state)),
        reason == ReceptionReason::kNone ? "" : ", ", std::string(Name(reason)),
        status_.detail.empty() ? "" : ": ", status_.detail)));
  }
  LetGoOfFile();
  timer_.reset();
  again_ = nullptr;
  Notify();
  observer_ = nullptr;
  writer_ = nullptr;
  // Later: whoever called this is still at work with it.
  asio::post(environment_.lane.io(),
             [self = shared_from_this()] { self->environment_.on_end(); });
}

void Reception::LetGoOfFile() {
  // While a thread hangs in its rename, no other may use it.
  const bool stays =
      status_.state == ReceptionState::kSucceeded ||
      (status_.state == ReceptionState::kInterrupted &&
       ((upstream_->resumable() && options_.goes_on_later) || is_committing_));
  absl::MutexLock lock(&mutex_);
  file_fate_ = stays ? FileFate::kStays : FileFate::kRemoved;
  if (file_ != nullptr && !stays) {
    environment_.disk.Run(client_, [file = file_] { file->Abandon(); });
  }
  file_ = nullptr;
}

}  // namespace tcptool::dataplane
