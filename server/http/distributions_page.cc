#include "server/http/distributions_page.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "messages/distribution_states.h"
#include "messages/distribution_texts.h"
#include "server/http/distribution_texts.h"

namespace tcptool::server {
namespace {

std::string DistributionRow(const v1::Distribution& distribution) {
  return absl::StrCat(
      "<tr>\n<th scope=\"row\">",
      LinkTo(distribution.name(),
             absl::StripPrefix(distribution.name(), "distributions/")),
      "</th>\n",
      Cell("State", absl::StrCat(StateBadge(StateName(distribution.state())),
                                 Explanation(distribution.detail()))),
      Cell("Nodes", CountsText(distribution.counts())),
      Cell("From", SourceOf(distribution.spec())),
      Cell("To", DestinationOf(distribution.spec())),
      Cell("Created", TimeElement(distribution.create_time())), "</tr>\n");
}

}  // namespace

StatusContent DistributionsPage(const fleet::DistributionTable& table,
                                const HttpRequest& request) {
  v1::ListDistributionsRequest list;
  list.set_page_size(kResourcesOnPage);
  list.set_page_token(PageToken(request));
  const auto distributions = table.List(list);
  if (!distributions.ok()) return ErrorContent(distributions.status());
  std::string rows;
  for (const v1::Distribution& distribution : distributions->distributions()) {
    rows += DistributionRow(distribution);
  }
  return {.title = "Distributions",
          .summary_html = "Of the whole fleet, as this node knows them.",
          .main_html = absl::StrCat(
              HtmlTable("Distributions, the newest first",
                        {"Distribution", "State", "Nodes", "From", "To",
                         "Created (UTC)"},
                        rows, "There are no distributions."),
              PageLinks(request, distributions->next_page_token()))};
}

}  // namespace tcptool::server
