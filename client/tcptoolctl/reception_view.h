// What `tcptoolctl watch` shows of a reception.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_RECEPTION_VIEW_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_RECEPTION_VIEW_H_

#include <ostream>

#include "absl/status/statusor.h"
#include "client/tcptoolctl/watch_view.h"
#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/reception_service.pb.h"

namespace tcptool {

// Fed with a watch of one reception, which may come anew after a gap. Not for
// several threads.
class ReceptionView {
 public:
  using Clock = WatchView::Clock;
  using Style = WatchView::Style;

  // Writes to `out`, which must outlive it. kScreen: a line that is drawn
  // again.
  ReceptionView(Style style, std::ostream& out) : style_(style), out_(out) {}

  // As WatchView::Update().
  bool Update(const v1::WatchReceptionsResponse& response,
              Clock::time_point now);

  // The reception as it ended. NOT_FOUND: it was deleted before that.
  absl::StatusOr<v1::Reception> Result() const;

 private:
  void Show(const v1::Reception& before, Clock::time_point now);

  const Style style_;
  std::ostream& out_;
  v1::Reception reception_;
  bool deleted_ = false;
  Clock::time_point next_progress_ = Clock::time_point::min();
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_RECEPTION_VIEW_H_
