#include "server/sessions/update_mailbox.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

namespace tcptool::server {

void UpdateMailbox::OnUpdate(const Update& update) {
  {
    absl::MutexLock lock(&mutex_);
    mail_.session = update.session;
    for (const dataplane::RecipientStatus& recipient : update.changed) {
      mail_.changed[recipient.id] = recipient;
    }
    for (const uint64_t id : update.forgotten) {
      mail_.changed.erase(id);
      // Ids only grow: a record with a higher one was added and dropped since
      // the last delivery, and the receiver has never heard of it.
      if (id <= last_delivered_) mail_.forgotten.push_back(id);
    }
    if (std::exchange(posted_, true)) return;
  }
  asio::post(executor_, [self = shared_from_this()] { self->Deliver(); });
}

void UpdateMailbox::Deliver() {
  Mail mail;
  {
    absl::MutexLock lock(&mutex_);
    mail = std::exchange(mail_, {});
    posted_ = false;
    if (!mail.changed.empty()) {
      last_delivered_ = std::max(last_delivered_, mail.changed.rbegin()->first);
    }
  }
  receive_(mail);
}

}  // namespace tcptool::server
