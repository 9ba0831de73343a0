// What `tcptoolctl watch` shows of a session.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_WATCH_VIEW_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_WATCH_VIEW_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/tcptoolctl/screen.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool {

// Fed with a watch of one session and its recipients, which may come anew after
// a gap. Not for several threads.
class WatchView {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Style {
    kScreen,  // A table that is drawn again and again in the same place.
    kLines,  // A line for each change of a state; progress each second at most.
    kJson,   // Each session and recipient as it comes, an object a line.
  };

  // Writes to `out`, which must outlive it. `size` is asked before the screen
  // is drawn, with style kScreen only.
  WatchView(Style style, std::ostream& out, std::function<TerminalSize()> size);

  // Takes in a message, and shows it, or waits until some have come together.
  // Returns whether there is more to come: not once the session is final, or
  // deleted, and all of it has been shown.
  bool Update(const v1::WatchSessionsResponse& response, Clock::time_point now);

  // The session as it ended. NOT_FOUND: it was deleted before that.
  absl::StatusOr<v1::Session> Result() const;

 private:
  void Take(const v1::Change& change);
  void ShowJson(const v1::Change& change);
  void ShowChange(const v1::Change& change);
  void ShowState(const v1::Session& session);
  void ShowProgress();
  void Draw();
  std::vector<v1::Recipient> ActiveFirst() const;
  int64_t Rate() const;

  const Style style_;
  std::ostream& out_;
  const std::function<TerminalSize()> size_;
  v1::Session session_;
  std::map<std::string, v1::Recipient> recipients_;  // By name.
  bool deleted_ = false;
  Clock::time_point next_show_ = Clock::time_point::min();
  size_t drawn_lines_ = 0;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_WATCH_VIEW_H_
