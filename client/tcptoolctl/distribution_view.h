// What `tcptoolctl watch` shows of a distribution.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_VIEW_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_VIEW_H_

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "client/tcptoolctl/watch_view.h"
#include "tcptool/v1/distribution.pb.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool {

// Fed with a watch of one distribution, which may come anew after a gap. Not
// for several threads.
class DistributionView {
 public:
  using Style = WatchView::Style;

  // Writes to `out`, which must outlive it. kScreen: a line that is drawn
  // again; kLines: one whenever it says something else.
  DistributionView(Style style, std::ostream& out) : style_(style), out_(out) {}

  // As WatchView::Update().
  bool Update(const v1::WatchDistributionsResponse& response);

  // The distribution as it ended, without its spec. NOT_FOUND: it was deleted
  // before that.
  absl::StatusOr<v1::Distribution> Result() const;

 private:
  void Show();

  const Style style_;
  std::ostream& out_;
  v1::Distribution distribution_;
  std::string line_;  // The last that was shown.
  bool deleted_ = false;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_VIEW_H_
