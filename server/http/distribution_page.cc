#include "server/http/distribution_page.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "messages/delivery_progress.h"
#include "messages/distribution_states.h"
#include "messages/distribution_texts.h"
#include "server/http/distribution_texts.h"
#include "server/http/distribution_tree.h"
#include "server/http/html.h"
#include "server/http/rack_sums.h"
#include "text/amounts.h"

namespace tcptool::server {
namespace {

constexpr size_t kDeliveriesOnPage = 100;
// Of those that somebody should look at, where the picture has racks alone.
constexpr size_t kMostNoted = 50;

std::string Facts(const fleet::DistributionOverview& overview) {
  const v1::Distribution& distribution = overview.distribution;
  OverallProgress progress(distribution);
  for (const fleet::TargetOverview& target : overview.targets) {
    progress.Add(target.delivery);
  }
  FactList facts;
  facts.Add("Progress", ProgressText(progress.Progress()));
  facts.Add("From", SourceOf(distribution.spec()));
  facts.Add("To", DestinationOf(distribution.spec()));
  facts.Add("Targets", TargetsOf(distribution.spec().targets()));
  if (distribution.has_content_length()) {
    facts.Add("Size", HumanBytes(distribution.content_length()));
  }
  facts.Add("Root of the manifest", EscapeHtml(distribution.content_root()));
  if (distribution.epoch() > 0) {
    facts.Add("Version of the plan", absl::StrCat(distribution.epoch()));
  }
  if (distribution.has_source_serving()) {
    facts.Add("The source serves others than nodes",
              IsolatedText(ServingText(distribution.source_serving())));
  }
  facts.AddTime("Created (UTC)", distribution.create_time());
  facts.AddTime("Expires (UTC)", distribution.expire_time());
  facts.AddTime("Ended (UTC)", distribution.end_time());
  return facts.Html();
}

std::string MovesCell(const v1::Delivery& delivery) {
  if (delivery.moves().empty()) return "";
  const v1::ParentMove& last = *delivery.moves().rbegin();
  return absl::StrCat(TimesMoved(delivery), ", last ",
                      IsolatedText(MoveText(last)));
}

std::string ServesNote(const v1::Delivery& delivery) {
  if (!delivery.has_serving()) return "";
  return Explanation(
      absl::StrCat("serves others: ", ServingText(delivery.serving())));
}

std::string DeliveryRow(const fleet::TargetOverview& target,
                        const v1::Distribution& distribution) {
  const v1::Delivery& delivery = target.delivery;
  return absl::StrCat("<tr>\n<th scope=\"row\">",
                      LinkTo(delivery.name(), delivery.node()), "</th>\n",
                      Cell("State", absl::StrCat(BadgesOf(target),
                                                 Explanation(delivery.detail()),
                                                 ServesNote(delivery))),
                      Cell("Progress", ProgressBar(delivery, distribution)),
                      Cell("From", EscapeHtml(delivery.parent())),
                      Cell("Rack", RackOf(target.place)),
                      Cell("Moved", MovesCell(delivery)), "</tr>\n");
}

std::string DeliveryTable(absl::string_view caption, const std::string& rows) {
  return HtmlTable(caption,
                   {"Node", "State", "Progress", "From", "Rack", "Moved"}, rows,
                   "There are none.");
}

std::string RackTable(const std::vector<RackSum>& racks) {
  std::string rows;
  for (const RackSum& rack : racks) {
    const std::string from = rack.parent ? racks[*rack.parent].name : "";
    absl::StrAppend(
        &rows, "<tr>\n<th scope=\"row\">", IsolatedText(rack.name), "</th>\n",
        Cell("Nodes", RackFacts(rack)),
        Cell("From", from.empty() ? "" : IsolatedText(from)),
        Cell("Slow", rack.slow == 0 ? "" : absl::StrCat(rack.slow)),
        Cell("Moved", rack.moved == 0 ? "" : absl::StrCat(rack.moved)),
        "</tr>\n");
  }
  return HtmlTable("Racks", {"Rack", "Nodes", "From", "Slow", "Moved"}, rows,
                   "");
}

// Nothing if there are none.
std::string NotedTable(const fleet::DistributionOverview& overview) {
  std::string rows;
  size_t noted = 0;
  for (const fleet::TargetOverview& target : overview.targets) {
    if (!IsNoted(target.delivery)) continue;
    if (++noted <= kMostNoted) {
      rows += DeliveryRow(target, overview.distribution);
    }
  }
  if (noted == 0) return "";
  return DeliveryTable(
      absl::StrCat(
          "Failed, slow or moved: ", noted,
          noted > kMostNoted ? absl::StrCat(", the first ", kMostNoted) : ""),
      rows);
}

std::string AllTable(const fleet::DistributionOverview& overview,
                     const HttpRequest& request) {
  const std::string begin = PageToken(request);
  auto target = std::ranges::lower_bound(
      overview.targets, begin, {},
      [](const fleet::TargetOverview& one) -> const std::string& {
        return one.delivery.node();
      });
  std::string rows;
  for (size_t i = 0; i < kDeliveriesOnPage && target != overview.targets.end();
       ++i, ++target) {
    rows += DeliveryRow(*target, overview.distribution);
  }
  const bool is_last = target == overview.targets.end();
  return absl::StrCat(
      DeliveryTable("Nodes, by their names", rows),
      PageLinks(request, is_last ? "" : target->delivery.node()));
}

}  // namespace

StatusContent DistributionPage(const fleet::DistributionOverview& overview,
                               const HttpRequest& request) {
  const v1::Distribution& distribution = overview.distribution;
  std::string tables;
  if (overview.targets.size() <= kMostDrawn) {
    tables = NodeTree(overview);
  } else {
    const std::vector<RackSum> racks = SumByRack(overview, kMostDrawn);
    tables = absl::StrCat(RackTree(overview, racks), RackTable(racks),
                          NotedTable(overview));
  }
  return {
      .title = distribution.name(),
      .summary_html = absl::StrCat(StateBadge(StateName(distribution.state())),
                                   " ", CountsText(distribution.counts()),
                                   distribution.detail().empty() ? "" : ". ",
                                   IsolatedText(distribution.detail())),
      .main_html =
          absl::StrCat(Facts(overview), tables, AllTable(overview, request))};
}

}  // namespace tcptool::server
