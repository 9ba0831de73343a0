#include "server/http/session_page.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/http/html.h"
#include "server/http/session_texts.h"
#include "server/http/status_layout.h"
#include "text/amounts.h"

namespace tcptool::server {
namespace {

constexpr int kRecipientsOnPage = 100;

// "STALLED: acknowledged nothing for 30 s".
std::string WhyOf(const v1::Recipient& recipient) {
  std::string why;
  if (recipient.reason() != v1::RECIPIENT_REASON_UNSPECIFIED) {
    why = ReasonName(recipient.reason());
  }
  if (!recipient.detail().empty()) {
    absl::StrAppend(&why, ": ", recipient.detail());
  }
  return why;
}

std::string RecipientRow(const v1::Session& session,
                         const v1::Recipient& recipient) {
  const std::string number =
      recipient.name().substr(recipient.name().rfind('/') + 1);
  return absl::StrCat(
      "<tr>\n<th scope=\"row\">", EscapeHtml(number), "</th>\n",
      Cell("Address", absl::StrCat(IsolatedText(recipient.address()), " ",
                                   IsolatedText(recipient.identity()), " ",
                                   IsolatedText(recipient.label()))),
      Cell("State", absl::StrCat(StateBadge(StateName(recipient.state())),
                                 Explanation(WhyOf(recipient)))),
      Cell("Progress",
           Progress(absl::StrCat("Recipient ", number), "acknowledged",
                    recipient.offset() + recipient.bytes_acked(),
                    session.content_length())),
      Cell("Speed", Speed(recipient.bytes_per_second())),
      Cell("Connected", recipient.has_connect_time()
                            ? TimeElement(recipient.connect_time())
                            : ""),
      "</tr>\n");
}

std::string Facts(const v1::Session& session) {
  FactList facts;
  facts.Add("Progress", ProgressOf(session));
  facts.Add("Content",
            absl::StrCat(
                SourceOf(session),
                session.has_content_length()
                    ? absl::StrCat(", ", HumanBytes(session.content_length()))
                    : ""));
  facts.Add("Recipients connect to", IsolatedText(session.data_endpoint()));
  facts.Add("Listens on", IsolatedText(session.listen_endpoint()));
  if (session.spec().has_encryption()) facts.Add("Encryption", "TLS 1.3");
  for (const auto& [key, value] : session.spec().labels()) {
    facts.Add(key, IsolatedText(value));
  }
  facts.AddTime("Created (UTC)", session.create_time());
  facts.AddTime("Started (UTC)", session.start_time());
  facts.AddTime("Ended (UTC)", session.end_time());
  return facts.Html();
}

}  // namespace

StatusContent SessionPage(const SessionTable& table,
                          const HttpRequest& request) {
  const std::string name = request.path.substr(1);
  const auto session = table.Get(name);
  if (!session.ok()) return ErrorContent(session.status());
  v1::ListRecipientsRequest list;
  list.set_parent(name);
  list.set_page_size(kRecipientsOnPage);
  list.set_page_token(PageToken(request));
  const auto recipients = table.ListRecipients(list);
  if (!recipients.ok()) return ErrorContent(recipients.status());
  std::string rows;
  for (const v1::Recipient& recipient : recipients->recipients()) {
    rows += RecipientRow(*session, recipient);
  }
  return {.title = name,
          .summary_html = absl::StrCat(StateBadge(StateName(session->state())),
                                       " ", CountsOf(*session),
                                       session->error().empty() ? "" : ". ",
                                       IsolatedText(session->error())),
          .main_html =
              absl::StrCat(Facts(*session),
                           HtmlTable("Recipients",
                                     {"Recipient", "Address and label", "State",
                                      "Progress", "Speed", "Connected (UTC)"},
                                     rows, "Nobody has connected yet."),
                           PageLinks(request, recipients->next_page_token()))};
}

}  // namespace tcptool::server
