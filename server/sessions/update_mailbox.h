// Passes a session's updates from its lane to the control thread.
#ifndef TCPTOOL_SERVER_SESSIONS_UPDATE_MAILBOX_H_
#define TCPTOOL_SERVER_SESSIONS_UPDATE_MAILBOX_H_

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/state.h"
#include "dataplane/session/session.h"

namespace tcptool::server {

// Holds the newest state of the session and of each recipient that has changed
// since the last delivery, and has at most one task queued at the executor:
// however fast a session changes while the control thread is busy, the mailbox
// is no larger than the session's records.
class UpdateMailbox : public dataplane::SessionObserver,
                      public std::enable_shared_from_this<UpdateMailbox> {
 public:
  struct Mail {
    dataplane::SessionStatus session;
    std::map<uint64_t, dataplane::RecipientStatus> changed;  // By id.
    // Only those that the receiver knows.
    std::vector<uint64_t> forgotten;
  };
  using Receive = std::function<void(const Mail&)>;

  // `receive` is called on the executor, in order, each time with all that is
  // new.
  UpdateMailbox(asio::any_io_executor executor, Receive receive)
      : executor_(std::move(executor)), receive_(std::move(receive)) {}

  // On the session's lane.
  void OnUpdate(const Update& update) override;

 private:
  void Deliver();

  const asio::any_io_executor executor_;
  const Receive receive_;
  absl::Mutex mutex_;
  Mail mail_ ABSL_GUARDED_BY(mutex_);
  bool posted_ ABSL_GUARDED_BY(mutex_) = false;  // Deliver() is queued.
  // The highest id that was delivered to the receiver.
  uint64_t last_delivered_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_UPDATE_MAILBOX_H_
