#include "server/http/distribution_texts.h"

#include <cstddef>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "messages/delivery_progress.h"
#include "messages/distribution_states.h"
#include "server/http/html.h"
#include "server/http/status_layout.h"

namespace tcptool::server {
namespace {

// A spec may have 10,000.
constexpr size_t kMostTargets = 10;

}  // namespace

bool IsSlow(const v1::Delivery& delivery) {
  return delivery.standing() == v1::DELIVERY_STANDING_SLOW;
}

bool IsNoted(const v1::Delivery& delivery) {
  return delivery.state() == v1::DELIVERY_STATE_FAILED || IsSlow(delivery) ||
         !delivery.moves().empty();
}

std::string TimesMoved(const v1::Delivery& delivery) {
  const int moves = delivery.moves_size();
  return moves == 1 ? "once" : absl::StrCat(moves, " times");
}

std::string AlarmsOf(const v1::Delivery& delivery) {
  std::string text = IsSlow(delivery) ? "slow" : "";
  if (delivery.moves().empty()) return text;
  return absl::StrCat(text, text.empty() ? "" : ", ", "moved ",
                      TimesMoved(delivery));
}

std::string ProgressBar(const v1::Delivery& delivery,
                        const v1::Distribution& distribution) {
  if (!delivery.has_bytes_received()) return "";
  ProgressTexts progress = ProgressTextsOf(delivery, distribution);
  progress.done.clear();  // The bar has it.
  const std::string words = ProgressText(progress);
  return absl::StrCat(
      Progress(delivery.name(), "received", delivery.bytes_received(),
               distribution.content_length()),
      words.empty()
          ? ""
          : absl::StrCat(" <span class=\"figures\">", words, "</span>"));
}

std::string SourceOf(const v1::DistributionSpec& spec) {
  if (spec.has_upload()) {
    return IsolatedText(absl::StrCat("upload to ", spec.upload().node()));
  }
  const v1::FleetFileSource& file = spec.file();
  return IsolatedText(
      absl::StrCat(file.node(), ": ", file.root(), ": ", file.path()));
}

std::string DestinationOf(const v1::DistributionSpec& spec) {
  const v1::DistributionDestination& file = spec.destination();
  return IsolatedText(absl::StrCat(file.root(), ": ", file.path()));
}

std::string TargetsOf(const v1::DistributionTargets& targets) {
  std::vector<std::string> parts;
  size_t more = 0;
  const auto add = [&parts, &more](const std::string& text) {
    if (parts.size() < kMostTargets) {
      parts.push_back(IsolatedText(text));
    } else {
      ++more;
    }
  };
  if (targets.all()) add("all nodes");
  for (const std::string& rack : targets.racks()) {
    add(absl::StrCat("rack ", rack));
  }
  // Sorted: a map's order is another one each time.
  std::map<std::string, std::string> labels(targets.labels().begin(),
                                            targets.labels().end());
  for (const auto& [key, value] : labels) {
    add(absl::StrCat("label ", key, "=", value));
  }
  for (const std::string& node : targets.nodes()) add(node);
  std::string text = absl::StrJoin(parts, ", ");
  if (more > 0) absl::StrAppend(&text, " and ", more, " more");
  return text;
}

std::string BadgesOf(const fleet::TargetOverview& target) {
  const v1::Delivery& delivery = target.delivery;
  std::string html = StateBadge(StateName(delivery.state()));
  if (IsSlow(delivery) || delivery.standing() == v1::DELIVERY_STANDING_LATE) {
    absl::StrAppend(&html, " ", StateBadge(StandingName(delivery.standing())));
  }
  if (!target.place.is_there) absl::StrAppend(&html, " not there");
  return html;
}

std::string RackOf(const fleet::NodePlace& place) {
  return place.rack.empty() ? "" : IsolatedText(place.rack);
}

}  // namespace tcptool::server
