#include "server/http/distribution_tree.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "messages/delivery_progress.h"
#include "messages/distribution_states.h"
#include "messages/distribution_texts.h"
#include "server/http/distribution_texts.h"
#include "server/http/tree_picture.h"

namespace tcptool::server {
namespace {

// For people who cannot see it: whom they would see first.
constexpr size_t kMostNamed = 5;

std::string LowerName(v1::DeliveryState state) {
  std::string name = StateName(state);
  absl::AsciiStrToLower(&name);
  return name;
}

std::string PlaceText(const fleet::NodePlace& place) {
  if (!place.is_there) return ", not there";
  return place.rack.empty() ? "" : absl::StrCat(", rack ", place.rack);
}

TreeItem SourceItem(const fleet::DistributionOverview& overview) {
  return {.name = SourceNode(overview.distribution.spec()),
          .facts = absl::StrCat("the source", PlaceText(overview.source)),
          .look = "source"};
}

TreeItem NodeItem(const fleet::TargetOverview& target,
                  const v1::Distribution& distribution) {
  const v1::Delivery& delivery = target.delivery;
  const std::string state = LowerName(delivery.state());
  const bool is_late = delivery.standing() == v1::DELIVERY_STANDING_LATE;
  const std::string progress =
      ProgressText(ProgressTextsOf(delivery, distribution));
  return {
      .name = delivery.node(),
      .facts = absl::StrCat(state, progress.empty() ? "" : " ", progress,
                            is_late ? ", late" : "", PlaceText(target.place)),
      .alarms = AlarmsOf(delivery),
      .look = state,
      .has_moved = !delivery.moves().empty()};
}

std::vector<TreeItem> NodeItems(const fleet::DistributionOverview& overview) {
  std::vector<TreeItem> items;
  const std::string& source = SourceNode(overview.distribution.spec());
  const bool is_target = std::ranges::any_of(
      overview.targets, [&source](const fleet::TargetOverview& target) {
        return target.delivery.node() == source;
      });
  if (!is_target) items.push_back(SourceItem(overview));
  const size_t first = items.size();
  for (const fleet::TargetOverview& target : overview.targets) {
    items.push_back(NodeItem(target, overview.distribution));
  }
  absl::flat_hash_map<absl::string_view, size_t> numbers;
  for (size_t i = 0; i < items.size(); ++i) numbers[items[i].name] = i;
  for (size_t i = first; i < items.size(); ++i) {
    const auto parent =
        numbers.find(overview.targets[i - first].delivery.parent());
    if (parent != numbers.end()) items[i].parent = parent->second;
  }
  return items;
}

std::string RackLook(const RackSum& rack) {
  const v1::DeliveryCounts& counts = rack.counts;
  if (counts.failed() > 0) return "failed";
  const int64_t targets = TargetCount(counts);
  if (targets == 0) return "source";
  if (counts.delivered() == targets) return "delivered";
  if (counts.cancelled() > 0) return "cancelled";
  if (counts.receiving() + counts.verifying() + counts.delivered() > 0) {
    return "receiving";
  }
  return counts.waiting() > 0 ? "waiting" : "expected";
}

std::string RackAlarms(const RackSum& rack) {
  std::vector<std::string> parts;
  if (rack.counts.failed() > 0) {
    parts.push_back(absl::StrCat(rack.counts.failed(), " failed"));
  }
  if (rack.slow > 0) parts.push_back(absl::StrCat(rack.slow, " slow"));
  if (rack.moved > 0) parts.push_back(absl::StrCat(rack.moved, " moved"));
  return absl::StrJoin(parts, ", ");
}

// "3 of 5 delivered, 1 failed, 1 receiving. Failed: node3. Moved: node4."
std::string Description(const fleet::DistributionOverview& overview) {
  std::string text = CountsText(overview.distribution.counts());
  const auto name_those = [&](absl::string_view what, auto is_one) {
    std::vector<std::string> names;
    size_t more = 0;
    for (const fleet::TargetOverview& target : overview.targets) {
      if (!is_one(target.delivery)) continue;
      if (names.size() < kMostNamed) {
        names.push_back(target.delivery.node());
      } else {
        ++more;
      }
    }
    if (names.empty()) return;
    absl::StrAppend(&text, ". ", what, ": ", absl::StrJoin(names, ", "));
    if (more > 0) absl::StrAppend(&text, " and ", more, " more");
  };
  name_those("Failed", [](const v1::Delivery& delivery) {
    return delivery.state() == v1::DELIVERY_STATE_FAILED;
  });
  name_those("Slow", IsSlow);
  name_those("Moved", [](const v1::Delivery& delivery) {
    return !delivery.moves().empty();
  });
  return absl::StrCat(text, ". The tables below have the same.");
}

// It may be wider than the screen: then it can be scrolled, by keys too.
std::string Figure(absl::string_view caption, const std::string& picture) {
  return absl::StrCat("<figure>\n<figcaption>", caption,
                      "</figcaption>\n<div class=\"picture\" role=\"region\" "
                      "aria-label=\"Picture of the tree\" tabindex=\"0\">\n",
                      picture, "</div>\n</figure>\n");
}

}  // namespace

std::string NodeTree(const fleet::DistributionOverview& overview) {
  return Figure(
      "From whom each node gets the content, by the plan. In a frame: what has "
      "failed, is slow or has moved.",
      TreePicture("From whom each node gets the content", Description(overview),
                  NodeItems(overview)));
}

std::string RackTree(const fleet::DistributionOverview& overview,
                     const std::vector<RackSum>& racks) {
  std::vector<TreeItem> items;
  for (const RackSum& rack : racks) {
    items.push_back({.name = rack.name,
                     .facts = RackFacts(rack),
                     .alarms = RackAlarms(rack),
                     .look = RackLook(rack),
                     .parent = rack.parent});
  }
  return Figure(
      "From which rack each rack gets the content, by the plan. In a frame: "
      "where nodes have failed, are slow or have moved.",
      TreePicture("From which rack each rack gets the content",
                  Description(overview), items));
}

std::string RackFacts(const RackSum& rack) {
  if (TargetCount(rack.counts) == 0) return "the source";
  const std::string progress = ProgressText(rack.progress);
  return absl::StrCat(rack.has_source ? "the source; " : "",
                      CountsText(rack.counts), progress.empty() ? "" : ", ",
                      progress);
}

}  // namespace tcptool::server
