#include "server/http/sessions_page.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "messages/states.h"
#include "server/http/session_texts.h"
#include "server/http/status_layout.h"

namespace tcptool::server {
namespace {

std::string SessionRow(const v1::Session& session) {
  return absl::StrCat(
      "<tr>\n<th scope=\"row\">",
      LinkTo(session.name(), absl::StripPrefix(session.name(), "sessions/")),
      "</th>\n",
      Cell("State", absl::StrCat(StateBadge(StateName(session.state())),
                                 Explanation(session.error()))),
      Cell("Progress", ProgressOf(session)),
      Cell("Recipients", CountsOf(session)), Cell("Content", SourceOf(session)),
      Cell("Created",
           session.has_create_time() ? TimeElement(session.create_time()) : ""),
      "</tr>\n");
}

std::string Summary(const SessionTable::Totals& totals) {
  const auto count = [&totals](v1::SessionState state) {
    return totals.sessions[state];
  };
  return absl::StrCat(count(v1::SESSION_STATE_WAITING), " waiting, ",
                      count(v1::SESSION_STATE_TRANSFERRING), " transferring, ",
                      count(v1::SESSION_STATE_SUCCEEDED), " succeeded, ",
                      count(v1::SESSION_STATE_PARTIALLY_SUCCEEDED) +
                          count(v1::SESSION_STATE_FAILED) +
                          count(v1::SESSION_STATE_INTERRUPTED),
                      " with failures. ", totals.recipients.delivered(),
                      " recipients have everything.");
}

}  // namespace

StatusContent SessionsPage(const SessionTable& table,
                           const HttpRequest& request) {
  v1::ListSessionsRequest list;
  list.set_page_size(kResourcesOnPage);
  list.set_page_token(PageToken(request));
  const auto sessions = table.List(list);
  if (!sessions.ok()) return ErrorContent(sessions.status());
  std::string rows;
  for (const v1::Session& session : sessions->sessions()) {
    rows += SessionRow(session);
  }
  return {.title = "Sessions",
          .summary_html = Summary(table.Count()),
          .main_html =
              absl::StrCat(HtmlTable("Sessions, the newest first",
                                     {"Session", "State", "Progress",
                                      "Recipients", "Content", "Created (UTC)"},
                                     rows, "There are no sessions."),
                           PageLinks(request, sessions->next_page_token()))};
}

}  // namespace tcptool::server
