#include "server/http/delivery_page.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "messages/distribution_texts.h"
#include "server/http/distribution_texts.h"
#include "server/http/html.h"
#include "text/amounts.h"

namespace tcptool::server {
namespace {

std::string Facts(const fleet::DistributionOverview& overview,
                  const fleet::TargetOverview& target) {
  const v1::Distribution& distribution = overview.distribution;
  const v1::Delivery& delivery = target.delivery;
  FactList facts;
  facts.Add("Distribution", LinkTo(distribution.name(), distribution.name()));
  facts.Add("Rack", RackOf(target.place));
  facts.Add("Progress", ProgressBar(delivery, distribution));
  facts.AddTime("As of (UTC)", delivery.progress_time());
  facts.Add("From", EscapeHtml(delivery.parent()));
  facts.Add("If that does not answer",
            EscapeHtml(absl::StrJoin(delivery.fallbacks(), ", ")));
  if (delivery.epoch() > 0) {
    facts.Add("By version of the plan", absl::StrCat(delivery.epoch()));
  }
  facts.Add("File", DestinationOf(distribution.spec()));
  if (delivery.has_content_length()) {
    facts.Add("Size", HumanBytes(delivery.content_length()));
  }
  facts.Add("Root of the manifest", EscapeHtml(delivery.content_root()));
  if (delivery.has_serving()) {
    facts.Add("Serves others than nodes",
              IsolatedText(ServingText(delivery.serving())));
  }
  facts.AddTime("Ended (UTC)", delivery.end_time());
  return facts.Html();
}

std::string MoveRow(const v1::ParentMove& move) {
  return absl::StrCat("<tr>\n<th scope=\"row\">", TimeElement(move.move_time()),
                      "</th>\n", Cell("From", IsolatedText(move.from_node())),
                      Cell("To", IsolatedText(move.to_node())),
                      Cell("At", HumanBytes(move.offset())),
                      Cell("Why", IsolatedText(move.reason())), "</tr>\n");
}

}  // namespace

StatusContent DeliveryPage(const fleet::DistributionOverview& overview,
                           absl::string_view name) {
  const auto target = std::ranges::find_if(
      overview.targets, [name](const fleet::TargetOverview& one) {
        return one.delivery.name() == name;
      });
  if (target == overview.targets.end()) {
    return ErrorContent(absl::NotFoundError(
        absl::StrCat("there is no delivery \"", name, "\"")));
  }
  const std::string& detail = target->delivery.detail();
  std::string rows;
  for (const v1::ParentMove& move : target->delivery.moves()) {
    rows += MoveRow(move);
  }
  return {
      .title = std::string(name),
      .summary_html = absl::StrCat(BadgesOf(*target), detail.empty() ? "" : " ",
                                   detail.empty() ? "" : IsolatedText(detail)),
      .main_html = absl::StrCat(
          Facts(overview, *target),
          HtmlTable("From whom it went to whom: the last times since its "
                    "service began, the oldest first",
                    {"Time (UTC)", "From", "To", "At", "Why"}, rows,
                    "It has left nobody since its service began."))};
}

}  // namespace tcptool::server
