#include "server/receptions/reception_mailbox.h"

#include <asio/post.hpp>
#include <utility>

namespace tcptool::server {

void ReceptionMailbox::OnUpdate(const dataplane::ReceptionStatus& status) {
  {
    absl::MutexLock lock(&mutex_);
    status_ = status;
    if (std::exchange(posted_, true)) return;
  }
  asio::post(executor_, [self = shared_from_this()] { self->Deliver(); });
}

void ReceptionMailbox::Deliver() {
  dataplane::ReceptionStatus status;
  {
    absl::MutexLock lock(&mutex_);
    status = status_;
    posted_ = false;
  }
  receive_(status);
}

}  // namespace tcptool::server
