// What a reception's owner may ask of it, and what its upstream says of the
// content.
#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/reception.h"

namespace tcptool::dataplane {

std::shared_ptr<Source> Reception::OpenSource(Spool::Level level) {
  return spool_->OpenSource(level, [weak = weak_from_this()] {
    const auto self = weak.lock();
    return self == nullptr ? Route() : self->upstream_->route();
  });
}

void Reception::Expect(uint64_t first, std::vector<Digest> digests) {
  OnLane([first, digests = std::move(digests)](Reception& self) {
    if (self.writer_ == nullptr) {
      if (first == self.early_digests_.size()) {
        self.early_digests_.insert(self.early_digests_.end(), digests.begin(),
                                   digests.end());
      }
      return;
    }
    // Of a source that was left since: all from the bad block on is told anew.
    if (self.rewind_to_) return;
    absl::Status status = self.writer_->Expect(first, digests);
    if (status.ok() && self.end_ &&
        first + digests.size() > CountBlocks(self.end_->length)) {
      status = absl::FailedPreconditionError(absl::StrCat(
          "the digests of ", first + digests.size(),
          " blocks were told, of a content of ", self.end_->length, " bytes"));
    }
    if (absl::IsFailedPrecondition(status)) self.Doubt(status);
  });
}

void Reception::ExpectLength(uint64_t length) {
  OnLane([length](Reception& self) {
    if (self.rewind_to_ || self.end_ || self.receiver_ == nullptr ||
        self.status_.state == ReceptionState::kVerifying) {
      return;
    }
    absl::Status wrong = self.CheckExpectedLength(length);
    if (wrong.ok() && length < self.status_.bytes_received) {
      wrong = absl::OutOfRangeError(
          absl::StrCat("a content of ", length, " bytes was told, of which ",
                       self.status_.bytes_received, " have come"));
    }
    if (!wrong.ok()) return self.Doubt(wrong);
    self.spool_->Announce(length);
    self.SetAside(length);
  });
}

void Reception::SetAside(uint64_t length) {
  if (set_aside_ == length) return;
  set_aside_ = length;
  // One at a time, whatever is told: see OnSetAside().
  if (std::exchange(is_setting_aside_, true)) return;
  OnDisk(
      [length](DiskWriter& writer) { return writer.file()->Allocate(length); },
      [length](Reception& self, const absl::Status& status) {
        self.OnSetAside(length, status);
      });
}

void Reception::OnSetAside(uint64_t length, const absl::Status& status) {
  is_setting_aside_ = false;
  if (set_aside_ && set_aside_ != length) {  // Another one was told since.
    return SetAside(*std::exchange(set_aside_, std::nullopt));
  }
  if (status.ok()) return;
  set_aside_.reset();
  // It is told again with the next connection; or all has found room.
  if (rewind_to_ || receiver_ == nullptr ||
      status_.state == ReceptionState::kVerifying) {
    return;
  }
  no_room_ = status;
  Doubt(absl::FailedPreconditionError(status.message()));
}

void Reception::ExpectEnd(const ContentEnd& end) {
  OnLane([end](Reception& self) {
    // Of a source that was left since; or all has come, and has the root that
    // was told with it.
    if (self.rewind_to_ || self.status_.state == ReceptionState::kVerifying) {
      return;
    }
    if (self.end_ == end) return;
    // Another one than before is that of another source, and one of the two is
    // wrong: it is the one from whom not all of the content comes.
    self.claimed_end_ = end;
    if (self.writer_ != nullptr) self.CheckClaimedEnd();
  });
}

void Reception::CheckClaimedEnd() {
  if (!claimed_end_) return;
  OnDisk([end = *claimed_end_](
             DiskWriter& writer) { return writer.Contradicts(end); },
         [end = *claimed_end_](Reception& self, bool contradicts) {
           self.OnEndChecked(end, contradicts);
         });
}

void Reception::OnEndChecked(const ContentEnd& end, bool contradicts) {
  if (claimed_end_ != end) return;  // Another one was told since.
  claimed_end_.reset();
  // All has come, up to the end that was told before.
  if (status_.state == ReceptionState::kVerifying) return;
  absl::Status wrong = CheckExpected(end);
  if (wrong.ok() && contradicts) {
    wrong = absl::FailedPreconditionError(absl::StrCat(
        "a content of ", end.length, " bytes with the root ", ToHex(end.root),
        " is not that of the digests that were told with it"));
  }
  if (!wrong.ok()) {
    // Where there is no connection, another one is being asked for already.
    if (receiver_ != nullptr) Doubt(wrong);
    return;
  }
  end_ = end;
  status_.content_length = end.length;
  spool_->Announce(end.length);
  if (status_.bytes_received < end.length) SetAside(end.length);
  CheckLength();
}

absl::Status Reception::CheckExpectedLength(uint64_t length) const {
  if (options_.expected_length && *options_.expected_length != length) {
    return absl::OutOfRangeError(
        absl::StrCat("the content has ", length, " bytes; ",
                     *options_.expected_length, " were expected"));
  }
  if (length > options_.max_length) {
    return absl::OutOfRangeError(absl::StrCat("the content has ", length,
                                              " bytes; ", options_.max_length,
                                              " are the most that may come"));
  }
  return absl::OkStatus();
}

absl::Status Reception::CheckExpected(const ContentEnd& end) const {
  absl::Status status = CheckExpectedLength(end.length);
  if (!status.ok()) return status;
  if (options_.expected_root && *options_.expected_root != end.root) {
    return absl::FailedPreconditionError(
        absl::StrCat("the content has the root ", ToHex(end.root), "; ",
                     ToHex(*options_.expected_root), " was expected"));
  }
  return absl::OkStatus();
}

std::chrono::steady_clock::time_point Reception::silent_since() const {
  return receiver_ != nullptr ? receiver_->silent_since()
                              : std::chrono::steady_clock::now();
}

void Reception::FallenSilent(const absl::Status& reason) {
  OnLane([reason](Reception& self) {
    // What is on its way to us comes within this time, or never.
    constexpr auto kSilence = std::chrono::seconds(1);
    if (self.receiver_ == nullptr || self.rewind_to_ ||
        self.status_.state == ReceptionState::kVerifying ||
        std::chrono::steady_clock::now() - self.silent_since() < kSilence) {
      return;
    }
    self.Reconnect(absl::UnavailableError(reason.message()));
  });
}

void Reception::Leave(const absl::Status& reason) {
  OnLane([reason](Reception& self) {
    if (self.receiver_ == nullptr || self.rewind_to_ ||
        self.status_.state == ReceptionState::kVerifying) {
      return;
    }
    self.Reconnect(reason);
  });
}

void Reception::StartAnew(const absl::Status& reason) {
  OnLane([reason](Reception& self) {
    if (self.receiver_ != nullptr || self.rewind_to_ || self.is_finishing_) {
      return;
    }
    self.status_.bytes_received = 0;
    self.Doubt(absl::OutOfRangeError(reason.message()));
  });
}

void Reception::GiveUp(const absl::Status& reason) {
  OnLane([reason](Reception& self) {
    // All is there: nobody is needed, unless a kept block has changed, and then
    // the upstream is asked once more.
    const bool has_all =
        self.status_.state == ReceptionState::kVerifying &&
        self.status_.bytes_verified == self.status_.content_length;
    if (!self.is_finishing_ && !has_all) self.FailUpstream(reason);
  });
}

void Reception::Cancel(std::optional<ReceptionState> expected, Done done) {
  asio::post(environment_.lane.io(), [self = shared_from_this(), expected,
                                      done = std::move(done)] {
    if (expected && *expected != self->status_.state) {
      return done(absl::AbortedError(
          absl::StrCat("it is ", std::string(Name(self->status_.state)))));
    }
    if (self->is_committing_ && !self->ended()) {
      return done(absl::FailedPreconditionError(
          "the whole content has come, and is being given its "
          "name"));
    }
    if (!self->ended()) {
      self->End(ReceptionState::kCancelled, ReceptionReason::kNone, "");
    }
    done(absl::OkStatus());
  });
}

void Reception::Stop() {
  OnLane([](Reception& self) {
    if (self.is_committing_) {
      self.commit_deadline_ =
          std::chrono::steady_clock::now() + kCommitPatience;
      return;
    }
    self.End(ReceptionState::kInterrupted, ReceptionReason::kNone,
             "the service was stopped");
  });
}

}  // namespace tcptool::dataplane
