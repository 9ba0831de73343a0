#include "client/tcptoolctl/distribution_tree.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/tcptoolctl/distribution_text.h"
#include "client/tcptoolctl/render.h"
#include "client/tcptoolctl/tree_table.h"
#include "messages/delivery_progress.h"
#include "messages/distribution_states.h"
#include "text/amounts.h"
#include "text/characters.h"

namespace tcptool {
namespace {

constexpr size_t kMostIndented = 8;

// A node in its place.
struct Place {
  std::string node;
  const v1::Delivery* delivery = nullptr;  // None: the source.
  size_t indented = 0;
};

// The places of one rack's nodes, from its roots on.
class RackOrder {
 public:
  RackOrder(std::vector<Place> places, std::vector<Place>& ordered)
      : places_(std::move(places)), ordered_(ordered) {
    std::set<absl::string_view> nodes;
    for (const Place& place : places_) nodes.insert(place.node);
    std::vector<const Place*> roots;
    for (const Place& place : places_) {
      const std::string& parent = Parent(place);
      (nodes.contains(parent) ? children_[parent] : roots).push_back(&place);
    }
    for (const Place* root : roots) AddBelow(*root);
    // Those of a circle, and what hangs on it.
    for (const Place& place : places_) AddBelow(place);
  }

 private:
  static const std::string& Parent(const Place& place) {
    static const std::string none;
    return place.delivery == nullptr ? none : place.delivery->parent();
  }

  // Without recursion: a chain may be as long as the fleet is large.
  void AddBelow(const Place& root) {
    std::vector<std::pair<const Place*, size_t>> next = {{&root, 0}};
    while (!next.empty()) {
      const auto [place, indented] = next.back();
      next.pop_back();
      if (!added_.insert(place->node).second) continue;
      ordered_.push_back(*place);
      ordered_.back().indented = indented;
      const auto children = children_.find(place->node);
      if (children == children_.end()) continue;
      const size_t below = indented + (children->second.size() > 1 ? 1 : 0);
      for (auto child = children->second.rbegin();
           child != children->second.rend(); ++child) {
        next.emplace_back(*child, std::min(below, kMostIndented));
      }
    }
  }

  const std::vector<Place> places_;
  std::map<absl::string_view, std::vector<const Place*>> children_;
  std::set<absl::string_view> added_;
  std::vector<Place>& ordered_;
};

std::string RackOf(const DistributionPicture& picture,
                   const std::string& node) {
  const auto rack = picture.racks.find(node);
  return rack == picture.racks.end() ? "" : rack->second;
}

// The rack of the source first, then by their names.
std::vector<Place> Order(const DistributionPicture& picture) {
  const std::string first = RackOf(picture, picture.source);
  std::map<std::pair<bool, std::string>, std::vector<Place>> racks;
  const auto add = [&](Place place) {
    const std::string rack = RackOf(picture, place.node);
    racks[{rack != first, rack}].push_back(std::move(place));
  };
  if (HasSourceAside(picture)) add({.node = picture.source});
  for (const v1::Delivery& delivery : picture.deliveries) {
    add({.node = delivery.node(), .delivery = &delivery});
  }
  std::vector<Place> ordered;
  for (auto& [rack, places] : racks) {
    const RackOrder order(std::move(places), ordered);
  }
  return ordered;
}

// What is looked for first, from the lowest on.
enum class Importance {
  kFailed,
  kSlow,
  kMoved,
  kUnderWay,
  kWaiting,
  kDelivered,
  kSource,
};

Importance ImportanceOf(const Place& place) {
  if (place.delivery == nullptr) return Importance::kSource;
  switch (place.delivery->state()) {
    case v1::DELIVERY_STATE_FAILED:
      return Importance::kFailed;
    case v1::DELIVERY_STATE_RECEIVING:
    case v1::DELIVERY_STATE_VERIFYING:
      if (place.delivery->standing() == v1::DELIVERY_STANDING_SLOW) {
        return Importance::kSlow;
      }
      return place.delivery->moves().empty() ? Importance::kUnderWay
                                             : Importance::kMoved;
    case v1::DELIVERY_STATE_DELIVERED:
      return Importance::kDelivered;
    default:
      return Importance::kWaiting;
  }
}

// Of those that do not fit, the ones with the highest are not shown. The source
// stands where the tree begins.
int Rank(const Place& place) {
  return place.delivery == nullptr ? -1 : static_cast<int>(ImportanceOf(place));
}

std::string State(const Place& place) {
  if (place.delivery == nullptr) return "SOURCE";
  const v1::DeliveryStanding standing = place.delivery->standing();
  std::string state = StateName(place.delivery->state());
  if (standing != v1::DELIVERY_STANDING_UNSPECIFIED &&
      standing != v1::DELIVERY_STANDING_REGULAR) {
    absl::StrAppend(&state, " (", StandingName(standing), ")");
  }
  return state;
}

TreeRow Row(const Place& place, const DistributionPicture& picture) {
  // The source has no delivery, and receives nothing.
  const v1::Delivery& delivery = place.delivery == nullptr
                                     ? v1::Delivery::default_instance()
                                     : *place.delivery;
  const ProgressTexts progress =
      ProgressTextsOf(delivery, picture.distribution);
  return {.indented = place.indented,
          .node = place.node,
          .state = State(place),
          .from = delivery.parent(),
          .rack = RackOf(picture, place.node),
          .done = progress.done,
          .rate = progress.rate,
          .left = progress.left,
          .moves = delivery.moves().empty()
                       ? ""
                       : absl::StrCat(delivery.moves_size()),
          .detail = DeliveryDetail(delivery)};
}

// "2 FAILED, 20 RECEIVING (37%, 36.0 MiB/s, 5s left), 100 DELIVERED".
std::string Sum(const std::vector<Place>& places,
                const v1::Distribution& distribution) {
  std::map<std::pair<Importance, std::string>, int> counts;
  ProgressSum progress;
  for (const Place& place : places) {
    // Who has moved is in the same state as others.
    Importance importance = ImportanceOf(place);
    if (importance == Importance::kMoved) importance = Importance::kUnderWay;
    ++counts[{importance, State(place)}];
    if (place.delivery != nullptr) progress.Add(*place.delivery, distribution);
  }
  std::vector<std::string> parts;
  size_t urgent = 0;
  for (const auto& [state, count] : counts) {
    parts.push_back(absl::StrCat(count, " ", state.second));
    if (state.first <= Importance::kUnderWay) urgent = parts.size();
  }
  if (!progress.empty()) {
    absl::StrAppend(&parts[urgent == 0 ? parts.size() - 1 : urgent - 1], " (",
                    ProgressText(progress.Progress(distribution)), ")");
  }
  return absl::StrJoin(parts, ", ");
}

// Takes away so many as do not fit.
std::vector<Place> TakeHidden(std::vector<Place>& places, size_t room) {
  std::vector<size_t> order(places.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return Rank(places[a]) < Rank(places[b]);
  });
  const std::set<size_t> shown(order.begin(), order.begin() + room);
  std::vector<Place> kept;
  std::vector<Place> hidden;
  for (size_t i = 0; i < places.size(); ++i) {
    (shown.contains(i) ? kept : hidden).push_back(std::move(places[i]));
  }
  places = std::move(kept);
  return hidden;
}

}  // namespace

bool HasSourceAside(const DistributionPicture& picture) {
  return !picture.source.empty() &&
         std::none_of(picture.deliveries.begin(), picture.deliveries.end(),
                      [&](const v1::Delivery& delivery) {
                        return delivery.node() == picture.source;
                      });
}

std::string ReceptionHere(const v1::Reception& reception) {
  std::string text = absl::StrCat("this node: ", ReceptionProgress(reception));
  const int64_t rest = reception.content_length() - reception.bytes_received();
  if (reception.state() == v1::RECEPTION_STATE_RECEIVING && rest > 0 &&
      reception.bytes_per_second() > 0) {
    absl::StrAppend(
        &text, ", ",
        HumanDuration(absl::Seconds(rest / reception.bytes_per_second())),
        " left");
  }
  return text;
}

std::vector<std::string> DistributionTree(const DistributionPicture& picture,
                                          TerminalSize size) {
  OverallProgress progress(picture.distribution);
  for (const v1::Delivery& delivery : picture.deliveries) {
    progress.Add(delivery);
  }
  std::vector<std::string> lines = {
      absl::StrCat(Printable(picture.distribution.name()), ": ",
                   DistributionProgress(picture.distribution,
                                        ProgressText(progress.Progress())))};
  // Less the line that the cursor is on afterwards, where there is more than
  // one.
  const size_t most = std::max<size_t>(size.rows, 2) - 1;
  std::vector<Place> places = Order(picture);
  if (picture.reception && most > 4) {
    lines.push_back(ReceptionHere(*picture.reception));
  }
  std::vector<Place> hidden;
  const size_t room = most - lines.size();
  if (places.size() + 1 > room) {
    // Without the table's head, and the line that sums.
    hidden = TakeHidden(places, room < 3 ? 0 : room - 2);
  }
  if (!places.empty()) {
    std::vector<TreeRow> rows;
    rows.reserve(places.size());
    for (const Place& place : places) rows.push_back(Row(place, picture));
    for (std::string& line : TreeTable(std::move(rows), size.columns)) {
      lines.push_back(std::move(line));
    }
  }
  if (!hidden.empty() && room > 0) {
    const char* const all = hidden.size() == 1 ? " node: " : " nodes: ";
    lines.push_back(absl::StrCat(
        places.empty() ? "" : "and ", hidden.size(),
        places.empty() ? all : " more: ", Sum(hidden, picture.distribution)));
  }
  return lines;
}

}  // namespace tcptool
