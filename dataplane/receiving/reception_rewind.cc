// How what has come of a content, or was said of it, is dropped to come again.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/reception.h"

namespace tcptool::dataplane {

void Reception::Doubt(const absl::Status& reason) {
  // What is finished is what has come, and has the root that was told for it.
  if (rewind_to_ || is_finishing_) return;
  forgets_all_ = true;
  StartRewind(status_.bytes_received / kManifestBlock, reason);
  RewindIfIdle(writer_->state().idle);
}

void Reception::DoubtLength(uint64_t most) {
  const std::string reason =
      absl::StrCat("the content is longer than ", most,
                   " bytes, which was the most that was expected");
  if (!upstream_->resumable()) {
    return Fail(ReceptionReason::kLengthMismatch, reason);
  }
  // No block behind this can be one of it.
  status_.bytes_received = std::min(status_.bytes_received, most);
  Doubt(absl::OutOfRangeError(reason));
}

void Reception::StartRewind(uint64_t bad_block, const absl::Status& reason) {
  ForgetConnection();
  awaits_end_ = false;
  rewind_to_ = bad_block;
  if (!forgets_all_ || rewind_reason_.ok()) rewind_reason_ = reason;
  // What was told of the end may be as wrong as the digests.
  spool_->Reopen();
  end_.reset();
  claimed_end_.reset();
  status_.content_length = options_.expected_length;
  if (forgets_all_) spool_->Announce(options_.expected_length);
  // What an earlier attempt has kept is dropped as a whole: see DiskWriter.
  const bool is_kept = bad_block * kManifestBlock < status_.bytes_durable;
  status_.bytes_received = is_kept ? 0 : bad_block * kManifestBlock;
  status_.bytes_verified =
      forgets_all_ ? 0
                   : std::min(status_.bytes_verified, status_.bytes_received);
  if (is_kept) status_.bytes_resumed = 0;
  // Blocks in the place of verified ones have to be the same, unless what those
  // were verified against was doubted.
  const uint64_t same =
      std::max(status_.bytes_received,
               forgets_all_ ? 0 : writer_->state().marks.verified);
  if (same < vouched_) {
    spool_->Replace();
    vouched_ = status_.bytes_verified;
  }
  Publish();
  if (status_.state == ReceptionState::kVerifying) {
    SetState(ReceptionState::kReceiving);
  }
}

void Reception::RewindIfIdle(bool is_idle) {
  if (!is_idle || std::exchange(is_rewinding_, true)) return;
  // What was verified until now may have been told to others.
  vouched_ = std::max(vouched_, writer_->state().marks.verified);
  // An error is in the writer's state too, which OnWriterChanged() looks at.
  writer_->Rewind(
      *rewind_to_, forgets_all_,
      [weak = weak_from_this()](const absl::Status&) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->OnLane([](Reception& reception) { reception.OnRewound(); });
      });
}

void Reception::OnRewound() {
  rewind_to_.reset();
  is_rewinding_ = false;
  const bool has_forgotten_all = std::exchange(forgets_all_, false);
  const DiskWriter::State state = writer_->state();
  if (!state.error.ok()) return FailFile(state.error);
  status_.bytes_received = state.marks.written;
  status_.bytes_durable = state.marks.durable;
  // A checkpoint may have been made of it since StartRewind(): then it is a
  // kept one.
  status_.bytes_verified =
      std::min(status_.bytes_verified, status_.bytes_received);
  Publish();
  // The digests of what was dropped may have been told to those who have come
  // since StartRewind(), too.
  if (has_forgotten_all && status_.bytes_received < vouched_) {
    spool_->Replace();
    vouched_ = status_.bytes_verified = state.marks.verified;
  }
  Connect(std::exchange(rewind_reason_, absl::OkStatus()));
  // Found meanwhile: it is another one's turn to come again.
  if (state.bad_block && !ended()) OnWriterChanged();
}

}  // namespace tcptool::dataplane
