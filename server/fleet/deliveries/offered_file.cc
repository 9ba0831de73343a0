#include "server/fleet/deliveries/offered_file.h"

#include <utility>

#include "absl/status/status.h"
#include "server/fleet/deliveries/post_weakly.h"

namespace tcptool::fleet {
namespace {

// After its file system has not answered, or no descriptor was left.
constexpr std::chrono::seconds kPause(1);

}  // namespace

OfferedFile::OfferedFile(std::weak_ptr<asio::io_context> io,
                         std::shared_ptr<server::PeerContents> contents,
                         std::string name, DeliveryPort::OnProgress progress)
    : io_(std::move(io)),
      contents_(std::move(contents)),
      name_(std::move(name)),
      progress_(std::move(progress)) {}

void OfferedFile::Look() {
  if (is_opening_ || Clock::now() < next_try_) return;
  if (content_ == nullptr) return Open();
  if (const absl::Status error = content_->error(); !error.ok()) {
    return Tell({.state = v1::DELIVERY_STATE_FAILED,
                 .detail = std::string(error.message())});
  }
  const auto end = content_->end();
  if (!end) return Tell({.state = v1::DELIVERY_STATE_VERIFYING});
  DeliveryProgress progress = {.state = v1::DELIVERY_STATE_DELIVERED};
  progress.content.set_length(static_cast<int64_t>(end->length));
  progress.content.set_root(end->root.data(), end->root.size());
  Tell(progress);
}

void OfferedFile::Open() {
  is_opening_ = true;
  contents_->Find(name_, [self = shared_from_this(),
                          io = io_](server::PeerContents::Found found) {
    PostWeakly(io, [self, found = std::move(found)]() mutable {
      self->Opened(std::move(found));
    });
  });
}

void OfferedFile::Opened(server::PeerContents::Found found) {
  is_opening_ = false;
  if (found.ok()) {
    content_ = *std::move(found);
    return Look();
  }
  const absl::Status& status = found.status();
  if (absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
    next_try_ = Clock::now() + kPause;
    return Tell({.state = v1::DELIVERY_STATE_WAITING,
                 .detail = std::string(status.message())});
  }
  Tell({.state = v1::DELIVERY_STATE_FAILED,
        .detail = std::string(status.message())});
}

void OfferedFile::Tell(const DeliveryProgress& progress) {
  if (told_ == progress.state && told_detail_ == progress.detail) return;
  told_ = progress.state;
  told_detail_ = progress.detail;
  // It may let go of this.
  const auto self = shared_from_this();
  progress_(progress);
}

}  // namespace tcptool::fleet
