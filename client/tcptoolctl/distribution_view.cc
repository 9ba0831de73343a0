#include "client/tcptoolctl/distribution_view.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/distribution_text.h"
#include "client/tcptoolctl/render.h"
#include "messages/distribution_states.h"
#include "text/characters.h"

namespace tcptool {

bool DistributionView::Update(const v1::WatchDistributionsResponse& response) {
  for (const v1::DistributionChange& change : response.changes()) {
    if (change.has_deleted_name()) deleted_ = true;
    if (!change.has_distribution()) continue;
    distribution_ = change.distribution();
    Show();
  }
  out_.flush();
  return !deleted_ && !IsFinal(distribution_.state());
}

absl::StatusOr<v1::Distribution> DistributionView::Result() const {
  if (IsFinal(distribution_.state())) return distribution_;
  return absl::NotFoundError(absl::StrCat(
      distribution_.name(), " was deleted before its end was seen"));
}

void DistributionView::Show() {
  if (style_ == Style::kJson) {
    out_ << Json(distribution_) << '\n';
    return;
  }
  const std::string line = absl::StrCat(Printable(distribution_.name()), ": ",
                                        DistributionProgress(distribution_));
  const std::string before = std::exchange(line_, line);
  if (line == before) return;
  // The line before is drawn over.
  if (style_ == Style::kScreen && !before.empty()) out_ << "\x1b[A\r\x1b[J";
  out_ << line << '\n';
}

}  // namespace tcptool
