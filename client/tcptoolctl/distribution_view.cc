#include "client/tcptoolctl/distribution_view.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/distribution_json.h"
#include "client/tcptoolctl/distribution_text.h"
#include "client/tcptoolctl/json.h"
#include "messages/delivery_progress.h"
#include "messages/distribution_states.h"
#include "messages/distribution_texts.h"
#include "messages/time.h"
#include "text/characters.h"

namespace tcptool {

bool DistributionView::Update(const v1::WatchDistributionsResponse& response) {
  const std::lock_guard lock(mutex_);
  for (const v1::DistributionChange& change : response.changes()) {
    if (change.has_deleted_name()) deleted_ = true;
    if (change.has_move() && style_ == Style::kLines) {
      const std::string& name = change.move().delivery();
      ShowMove(name.substr(name.rfind('/') + 1), change.move().move());
    }
    if (!change.has_distribution()) continue;
    picture_.distribution = change.distribution();
    if (change.distribution().has_spec()) {
      picture_.source = SourceNode(change.distribution().spec());
    }
    Show();
  }
  out_.flush();
  return !deleted_ && !IsFinal(picture_.distribution.state());
}

void DistributionView::Take(Look look) {
  const std::lock_guard lock(mutex_);
  picture_.deliveries = std::move(look.deliveries);
  picture_.reception = std::move(look.reception);
  // Who has gone keeps its place.
  for (const v1::FleetNode& node : look.nodes) {
    picture_.racks[node.node()] = node.rack();
  }
  switch (style_) {
    case Style::kScreen:
      DrawLocked();
      break;
    case Style::kLines:
      ShowDeliveries();
      break;
    case Style::kJson:
      ShowNodes();
      break;
  }
  out_.flush();
}

void DistributionView::Draw() {
  const std::lock_guard lock(mutex_);
  DrawLocked();
}

void DistributionView::End() {
  const std::lock_guard lock(mutex_);
  if (!IsFinal(picture_.distribution.state())) return;
  if (style_ == Style::kLines) ShowLine();
  if (style_ == Style::kJson) out_ << Json(picture_.distribution) << '\n';
  out_.flush();
}

absl::StatusOr<v1::Distribution> DistributionView::Result() const {
  const std::lock_guard lock(mutex_);
  const v1::Distribution& distribution = picture_.distribution;
  if (IsFinal(distribution.state())) return distribution;
  return absl::NotFoundError(absl::StrCat(
      distribution.name(), " was deleted before its end was seen"));
}

void DistributionView::Show() {
  if (style_ == Style::kScreen) return DrawLocked();
  // What its deliveries have come to reads better before its end.
  if (IsFinal(picture_.distribution.state())) return;
  if (style_ == Style::kLines) ShowLine();
  if (style_ == Style::kJson) out_ << Json(picture_.distribution) << '\n';
}

void DistributionView::ShowLine() {
  const std::string line =
      absl::StrCat(Printable(picture_.distribution.name()), ": ",
                   DistributionProgress(picture_.distribution));
  if (std::exchange(line_, line) != line) out_ << line << '\n';
}

void DistributionView::ShowNodes() {
  for (auto& [node, object] : TreeJson(picture_)) {
    std::string& shown = shown_nodes_[node];
    if (shown == object) continue;
    out_ << object << '\n';
    shown = object;
  }
}

void DistributionView::ShowDeliveries() {
  OverallProgress overall(picture_.distribution);
  ProgressSum under_way;
  for (const v1::Delivery& delivery : picture_.deliveries) {
    ShowDelivery(delivery);
    overall.Add(delivery);
    under_way.Add(delivery, picture_.distribution);
  }
  if (IsFinal(picture_.distribution.state())) return;
  ProgressTexts progress = overall.Progress();
  // Of a content whose length is not known.
  if (progress.done.empty()) {
    progress = under_way.Progress(picture_.distribution);
  }
  if (progress.done.empty()) {
    if (picture_.reception) out_ << ReceptionHere(*picture_.reception) << '\n';
  } else if (std::exchange(done_, progress.done) != progress.done) {
    out_ << "progress: " << ProgressText(progress) << '\n';
  }
}

void DistributionView::ShowDelivery(const v1::Delivery& delivery) {
  const auto [shown, is_new] = shown_.try_emplace(delivery.node(), delivery);
  const v1::Delivery before = std::exchange(shown->second, delivery);
  for (const v1::ParentMove& move : delivery.moves()) {
    ShowMove(delivery.node(), move);
  }
  // That nothing has happened yet is no news.
  const bool has_changed = is_new
                               ? delivery.state() != v1::DELIVERY_STATE_EXPECTED
                               : delivery.state() != before.state();
  if (!has_changed) return;
  out_ << Printable(delivery.node()) << ": " << StateName(delivery.state());
  if (!IsFinal(delivery.state()) && !delivery.parent().empty()) {
    out_ << " from " << Printable(delivery.parent());
  }
  if (!delivery.detail().empty()) out_ << ": " << Printable(delivery.detail());
  out_ << '\n';
}

// The watch tells of it at once, and the next look again.
void DistributionView::ShowMove(const std::string& node,
                                const v1::ParentMove& move) {
  absl::Time& last =
      shown_moves_.try_emplace(node, absl::InfinitePast()).first->second;
  const absl::Time time = ToTime(move.move_time());
  if (time <= last) return;
  last = time;
  out_ << Printable(node) << ": " << Printable(MoveText(move)) << '\n';
}

void DistributionView::DrawLocked() {
  // Nothing is known of it yet.
  if (picture_.distribution.name().empty()) return;
  screen_->Draw(DistributionTree(picture_, screen_->size()));
}

}  // namespace tcptool
