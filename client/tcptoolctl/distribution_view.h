// What `tcptoolctl watch` shows of a distribution.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_VIEW_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_VIEW_H_

#include <map>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/tcptoolctl/distribution_tree.h"
#include "client/tcptoolctl/screen.h"
#include "client/tcptoolctl/watch_view.h"
#include "tcptool/v1/distribution.pb.h"
#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool {

// Fed with a watch of one distribution and of its deliveries' moves, which may
// come anew after a gap, and with looks at its deliveries. Any thread may call
// any method.
class DistributionView {
 public:
  using Style = WatchView::Style;

  // What a look has found.
  struct Look {
    std::vector<v1::Delivery> deliveries;
    std::vector<v1::FleetNode> nodes;
    // By which the node that is asked gets the content, while it does.
    std::optional<v1::Reception> reception;
  };

  // Writes to `screen` if there is one (kScreen), else to `out`; both must
  // outlive it. kLines: a line for each change of the distribution, of a
  // delivery's state and of whom it comes from, and for each percent that all
  // nodes together have got; where that is not known, for each look that has
  // found more. kJson: the distribution as it comes,
  // and each node that a look has found otherwise than the one before: see
  // TreeJson().
  DistributionView(Style style, std::ostream& out, Screen* screen)
      : style_(style), out_(out), screen_(screen) {}

  // Takes in a message, and shows it. Returns whether there is more to come:
  // not once the distribution is final, or deleted.
  bool Update(const v1::WatchDistributionsResponse& response);

  void Take(Look look);

  // Again, as the terminal has changed. For kScreen.
  void Draw();

  // Shows how it has ended, below all else. Once, after all that has come.
  void End();

  // The distribution as it ended, without its spec. NOT_FOUND: it was deleted
  // before that.
  absl::StatusOr<v1::Distribution> Result() const;

 private:
  void Show();
  void ShowLine();
  void ShowNodes();
  void ShowDeliveries();
  void ShowDelivery(const v1::Delivery& delivery);
  void ShowMove(const std::string& node, const v1::ParentMove& move);
  void DrawLocked();

  const Style style_;
  std::ostream& out_;
  Screen* const screen_;

  mutable std::mutex mutex_;
  DistributionPicture picture_;
  std::map<std::string, v1::Delivery> shown_;       // By nodes. For kLines.
  std::map<std::string, absl::Time> shown_moves_;   // Of each node the last.
  std::map<std::string, std::string> shown_nodes_;  // By nodes. For kJson.
  std::string line_;                                // The last that was shown.
  std::string done_;                                // The same, of progress.
  bool deleted_ = false;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_VIEW_H_
