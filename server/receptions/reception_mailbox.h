// Passes a reception's updates from its lane to the control thread.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEPTION_MAILBOX_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEPTION_MAILBOX_H_

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/receiving/reception.h"

namespace tcptool::server {

// Holds the newest state since the last delivery, and has at most one task
// queued at the executor, however busy the control thread is.
class ReceptionMailbox : public dataplane::ReceptionObserver,
                         public std::enable_shared_from_this<ReceptionMailbox> {
 public:
  using Receive = std::function<void(const dataplane::ReceptionStatus&)>;
  using BeforeName = std::function<void(
      const dataplane::ReceptionStatus& status, const std::string& mark,
      const std::function<void()>& go_on)>;

  // Both are called on the executor, `receive` in order, each time with the
  // newest; `before_name` gets what BeforeNaming() is given.
  ReceptionMailbox(asio::any_io_executor executor, Receive receive,
                   BeforeName before_name)
      : executor_(std::move(executor)),
        receive_(std::move(receive)),
        before_name_(std::move(before_name)) {}

  // On the reception's lane.
  void OnUpdate(const dataplane::ReceptionStatus& status) override;
  void BeforeNaming(const dataplane::ReceptionStatus& status,
                    const std::string& mark,
                    const std::function<void()>& go_on) override;

 private:
  void Deliver();

  const asio::any_io_executor executor_;
  const Receive receive_;
  const BeforeName before_name_;
  absl::Mutex mutex_;
  dataplane::ReceptionStatus status_ ABSL_GUARDED_BY(mutex_);
  bool posted_ ABSL_GUARDED_BY(mutex_) = false;  // Deliver() is queued.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEPTION_MAILBOX_H_
