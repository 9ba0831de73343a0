#include "client/tcptoolctl/reception_view.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/json.h"
#include "client/tcptoolctl/render.h"
#include "messages/states.h"
#include "text/characters.h"

namespace tcptool {
namespace {

constexpr std::chrono::seconds kProgressInterval{1};

}  // namespace

bool ReceptionView::Update(const v1::WatchReceptionsResponse& response,
                           Clock::time_point now) {
  for (const v1::ReceptionChange& change : response.changes()) {
    if (change.has_deleted_name()) deleted_ = true;
    if (!change.has_reception()) continue;
    const v1::Reception before = std::exchange(reception_, change.reception());
    Show(before, now);
  }
  out_.flush();
  return !deleted_ && !IsFinal(reception_.state());
}

absl::StatusOr<v1::Reception> ReceptionView::Result() const {
  if (IsFinal(reception_.state())) return reception_;
  return absl::NotFoundError(
      absl::StrCat(reception_.name(), " was deleted before its end was seen"));
}

void ReceptionView::Show(const v1::Reception& before, Clock::time_point now) {
  if (style_ == Style::kJson) {
    out_ << Json(reception_) << '\n';
    return;
  }
  const bool is_new_state = before.state() != reception_.state();
  const std::string line = absl::StrCat(Printable(reception_.name()), ": ",
                                        ReceptionProgress(reception_));
  if (style_ == Style::kScreen) {
    // The line before is drawn over.
    if (!before.name().empty()) out_ << "\x1b[A\r\x1b[J";
    out_ << line << '\n';
  } else if (is_new_state || now >= next_progress_) {
    next_progress_ = now + kProgressInterval;
    out_ << line << '\n';
  }
}

}  // namespace tcptool
