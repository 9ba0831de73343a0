#include "client/tcptoolctl/distribution_tree.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/tcptoolctl/distribution_text.h"
#include "client/tcptoolctl/render.h"
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

// Of those that do not fit, the ones with the highest are not shown.
int Rank(const Place& place) {
  if (place.delivery == nullptr) return 0;
  switch (place.delivery->state()) {
    case v1::DELIVERY_STATE_RECEIVING:
    case v1::DELIVERY_STATE_VERIFYING:
      // Who has moved, or is slow, is what is looked for.
      return place.delivery->moves().empty() &&
                     place.delivery->standing() != v1::DELIVERY_STANDING_SLOW
                 ? 2
                 : 1;
    case v1::DELIVERY_STATE_FAILED:
      return 1;
    case v1::DELIVERY_STATE_DELIVERED:
      return 4;
    default:
      return 3;
  }
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

// `has_progress`: there are columns for it.
std::vector<std::string> Head(bool has_progress) {
  if (!has_progress) {
    return {"NODE", "STATE", "FROM", "RACK", "MOVES", "DETAIL"};
  }
  return {"NODE", "STATE", "FROM",  "RACK",  "DONE",
          "RATE", "LEFT",  "MOVES", "DETAIL"};
}

std::vector<std::string> Cells(const Place& place,
                               const DistributionPicture& picture,
                               bool has_progress, size_t columns) {
  const std::string node = Printable(place.node);
  // A long name leaves room for the others.
  std::string shown =
      absl::StrCat(std::string(2 * place.indented, ' '),
                   Truncate(node, std::max<size_t>(columns / 2, 8)));
  // The source has no delivery, and receives nothing.
  const v1::Delivery& delivery = place.delivery == nullptr
                                     ? v1::Delivery::default_instance()
                                     : *place.delivery;
  std::vector<std::string> cells = {std::move(shown), State(place),
                                    OrNothing(delivery.parent()),
                                    OrNothing(RackOf(picture, place.node))};
  if (has_progress) {
    const ProgressTexts progress =
        ProgressTextsOf(delivery, picture.distribution);
    for (const std::string& text :
         {progress.done, progress.rate, progress.left}) {
      cells.push_back(OrNothing(text));
    }
  }
  cells.push_back(
      delivery.moves().empty() ? "-" : absl::StrCat(delivery.moves_size()));
  cells.push_back(OrNothing(DeliveryDetail(delivery)));
  return cells;
}

// Before the content comes, and where nodes are of an earlier release, it is
// known of none: three columns of nothing would leave less for the others.
bool HasProgress(const DistributionPicture& picture) {
  return std::any_of(
      picture.deliveries.begin(), picture.deliveries.end(),
      [](const v1::Delivery& one) { return one.has_bytes_received(); });
}

// "100 DELIVERED, 20 RECEIVING (37%, 36.0 MiB/s, 5s left)".
std::string Sum(const std::vector<Place>& places,
                const v1::Distribution& distribution) {
  std::map<std::string, int> counts;
  ProgressSum progress;
  for (const Place& place : places) {
    ++counts[State(place)];
    if (place.delivery != nullptr) progress.Add(*place.delivery, distribution);
  }
  std::string text =
      absl::StrJoin(counts, ", ", [](std::string* out, const auto& count) {
        absl::StrAppend(out, count.second, " ", count.first);
      });
  if (!progress.empty()) {
    absl::StrAppend(&text, " (", ProgressText(progress.Progress(distribution)),
                    ")");
  }
  return text;
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
  std::vector<std::string> lines = {
      absl::StrCat(Printable(picture.distribution.name()), ": ",
                   DistributionProgress(picture.distribution))};
  // Less the line that the cursor is on afterwards.
  const size_t most = std::max<size_t>(size.rows, 3) - 1;
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
    const bool has_progress = HasProgress(picture);
    std::vector<std::vector<std::string>> rows = {Head(has_progress)};
    for (const Place& place : places) {
      rows.push_back(Cells(place, picture, has_progress, size.columns));
    }
    for (const absl::string_view line :
         absl::StrSplit(Table(rows), '\n', absl::SkipEmpty())) {
      lines.emplace_back(line);
    }
  }
  if (!hidden.empty()) {
    lines.push_back(absl::StrCat(places.empty() ? "" : "and ", hidden.size(),
                                 places.empty() ? " nodes: " : " more: ",
                                 Sum(hidden, picture.distribution)));
  }
  return lines;
}

}  // namespace tcptool
