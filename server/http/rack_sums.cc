#include "server/http/rack_sums.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "messages/distribution_texts.h"
#include "server/http/distribution_texts.h"

namespace tcptool::server {
namespace {

// False: those that are not there.
using Rack = std::pair<bool, std::string>;

struct Sum {
  Rack rack;
  RackSum shown;
  ProgressSum progress;
  std::map<Rack, int64_t> parents;  // How many receive from which other rack.
};

Rack KeyOf(const fleet::NodePlace& place) {
  return {place.is_there, place.rack};
}

std::string NameOf(const Rack& rack) {
  if (!rack.first) return "not there";
  return rack.second.empty() ? "no rack" : absl::StrCat("rack ", rack.second);
}

std::vector<Sum> SumAll(const fleet::DistributionOverview& overview) {
  absl::flat_hash_map<absl::string_view, Rack> racks;  // By the nodes.
  const std::string& source = SourceNode(overview.distribution.spec());
  racks[source] = KeyOf(overview.source);
  for (const fleet::TargetOverview& target : overview.targets) {
    racks[target.delivery.node()] = KeyOf(target.place);
  }
  std::map<Rack, Sum> sums;
  sums[racks[source]].shown.has_source = true;
  for (const fleet::TargetOverview& target : overview.targets) {
    const Rack rack = KeyOf(target.place);
    Sum& sum = sums[rack];
    Count(target.delivery.state(), sum.shown.counts);
    sum.progress.Add(target.delivery, overview.distribution);
    if (IsSlow(target.delivery)) ++sum.shown.slow;
    if (!target.delivery.moves().empty()) ++sum.shown.moved;
    const auto parent = racks.find(target.delivery.parent());
    if (parent != racks.end() && parent->second != rack) {
      ++sum.parents[parent->second];
    }
  }
  std::vector<Sum> all;
  for (auto& [rack, sum] : sums) {
    sum.rack = rack;
    sum.shown.name = NameOf(rack);
    sum.shown.progress = sum.progress.Progress(overview.distribution);
    all.push_back(std::move(sum));
  }
  return all;
}

// What is shown first where not all is.
auto Rank(const Sum& sum) {
  const RackSum& shown = sum.shown;
  return std::tuple(
      !shown.has_source,
      shown.counts.failed() == 0 && shown.slow == 0 && shown.moved == 0,
      -TargetCount(shown.counts));
}

void Add(const v1::DeliveryCounts& more, v1::DeliveryCounts& counts) {
  counts.set_expected(counts.expected() + more.expected());
  counts.set_waiting(counts.waiting() + more.waiting());
  counts.set_receiving(counts.receiving() + more.receiving());
  counts.set_verifying(counts.verifying() + more.verifying());
  counts.set_delivered(counts.delivered() + more.delivered());
  counts.set_failed(counts.failed() + more.failed());
  counts.set_cancelled(counts.cancelled() + more.cancelled());
}

RackSum SumOf(const std::vector<Sum>& sums,
              const v1::Distribution& distribution) {
  RackSum all = {.name = absl::StrCat(sums.size(), " other racks")};
  ProgressSum progress;
  for (const Sum& sum : sums) {
    Add(sum.shown.counts, all.counts);
    all.slow += sum.shown.slow;
    all.moved += sum.shown.moved;
    progress.Add(sum.progress);
  }
  all.progress = progress.Progress(distribution);
  return all;
}

std::optional<size_t> ParentOf(const Sum& sum, const std::vector<Sum>& among) {
  int64_t most = 0;
  size_t parent = 0;
  for (size_t i = 0; i < among.size(); ++i) {
    const auto votes = sum.parents.find(among[i].rack);
    if (votes == sum.parents.end() || votes->second <= most) continue;
    most = votes->second;
    parent = i;
  }
  if (most == 0) return std::nullopt;
  return parent;
}

}  // namespace

std::vector<RackSum> SumByRack(const fleet::DistributionOverview& overview,
                               size_t most) {
  std::vector<Sum> sums = SumAll(overview);
  std::vector<Sum> others;
  if (sums.size() > most) {
    std::ranges::stable_sort(sums, {}, Rank);
    const auto first = sums.begin() + static_cast<std::ptrdiff_t>(most);
    std::move(first, sums.end(), std::back_inserter(others));
    sums.erase(first, sums.end());
  }
  std::ranges::sort(sums, {}, [](const Sum& sum) {
    return std::tuple(!sum.shown.has_source, !sum.rack.first, sum.rack.second);
  });
  std::vector<RackSum> shown;
  for (Sum& sum : sums) {
    sum.shown.parent = ParentOf(sum, sums);
    shown.push_back(sum.shown);
  }
  if (!others.empty()) {
    shown.push_back(SumOf(others, overview.distribution));
  }
  return shown;
}

}  // namespace tcptool::server
