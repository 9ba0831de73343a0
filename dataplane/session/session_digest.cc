// The SHA-256 of a session's content, where it is asked for: read a part at a
// time on the disk's threads, and hashed on a thread of its own.
#include <asio/post.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "dataplane/session/session.h"

namespace tcptool::dataplane {

void Session::DigestNextPart() {
  WaitForDisk();
  environment_.disk.Run(source_->disk_client(), [self = shared_from_this()] {
    const absl::StatusOr<bool> more = self->source_->ReadForDigest();
    if (!more.ok() || !*more) {
      return self->OnLane(0, [self, status = more.status()] {
        if (self->ending_ || !self->is_digesting_) return;
        self->OnDigestEnd(status);
      });
    }
    asio::post(self->environment_.hashes, [self] {
      self->source_->HashForDigest();
      self->OnLane(0, [self] {
        if (self->ending_ || !self->is_digesting_) return;
        self->DigestNextPart();
      });
    });
  });
}

void Session::OnDigestEnd(const absl::Status& status) {
  is_digesting_ = false;
  disk_timer_.reset();
  // The end of the content is held back until it is known to be the right one.
  if (!status.ok() && !source_->digest().expected().empty()) {
    OnSourceError(status);
    return Notify();
  }
  // Recipients that are still being sent to fail by themselves, where what is
  // wrong concerns them; those that have the content keep it.
  if (!status.ok() && status_.error.empty()) {
    status_.error = absl::StrCat("the SHA-256 of the content is not known: ",
                                 status.message());
  }
  FinishIfDone();
  Notify();
}

}  // namespace tcptool::dataplane
