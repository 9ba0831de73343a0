#include "server/http/receptions_page.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "messages/states.h"
#include "server/http/reception_texts.h"
#include "server/http/status_layout.h"

namespace tcptool::server {
namespace {

std::string ReceptionRow(const v1::Reception& reception) {
  return absl::StrCat(
      "<tr>\n<th scope=\"row\">",
      LinkTo(reception.name(),
             absl::StripPrefix(reception.name(), "receptions/")),
      "</th>\n",
      Cell("State", absl::StrCat(StateBadge(StateName(reception.state())),
                                 Explanation(WhyOf(reception)))),
      Cell("Progress", ProgressOf(reception)),
      Cell("Speed", Speed(reception.bytes_per_second())),
      Cell("From", SourceOf(reception)), Cell("To", DestinationOf(reception)),
      Cell("Created", TimeElement(reception.create_time())), "</tr>\n");
}

std::string Summary(const ReceptionTable::Totals& totals) {
  const auto count = [&totals](v1::ReceptionState state) {
    return totals.receptions[state];
  };
  return absl::StrCat(count(v1::RECEPTION_STATE_CONNECTING) +
                          count(v1::RECEPTION_STATE_WAITING),
                      " waiting, ",
                      count(v1::RECEPTION_STATE_RECEIVING) +
                          count(v1::RECEPTION_STATE_VERIFYING),
                      " receiving, ", count(v1::RECEPTION_STATE_SUCCEEDED),
                      " succeeded, ",
                      count(v1::RECEPTION_STATE_FAILED) +
                          count(v1::RECEPTION_STATE_INTERRUPTED),
                      " failed.");
}

}  // namespace

StatusContent ReceptionsPage(const ReceptionTable& table,
                             const HttpRequest& request) {
  v1::ListReceptionsRequest list;
  list.set_page_size(kResourcesOnPage);
  list.set_page_token(PageToken(request));
  const auto receptions = table.List(list);
  if (!receptions.ok()) return ErrorContent(receptions.status());
  std::string rows;
  for (const v1::Reception& reception : receptions->receptions()) {
    rows += ReceptionRow(reception);
  }
  return {.title = "Receptions",
          .summary_html = Summary(table.Count()),
          .main_html =
              absl::StrCat(HtmlTable("Receptions, the newest first",
                                     {"Reception", "State", "Progress", "Speed",
                                      "From", "To", "Created (UTC)"},
                                     rows, "There are no receptions."),
                           PageLinks(request, receptions->next_page_token()))};
}

}  // namespace tcptool::server
