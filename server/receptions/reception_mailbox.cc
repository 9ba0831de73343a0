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

void ReceptionMailbox::BeforeNaming(const dataplane::ReceptionStatus& status,
                                    const std::string& mark,
                                    const std::function<void()>& go_on) {
  asio::post(executor_, [self = shared_from_this(), status, mark, go_on] {
    self->before_name_(status, mark, go_on);
  });
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
