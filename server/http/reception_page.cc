#include "server/http/reception_page.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/http/html.h"
#include "server/http/reception_texts.h"
#include "server/http/status_layout.h"
#include "text/amounts.h"

namespace tcptool::server {
namespace {

std::string Facts(const v1::Reception& reception) {
  FactList facts;
  facts.Add("Progress", ProgressOf(reception));
  facts.Add("Speed", Speed(reception.bytes_per_second()));
  facts.Add("From", SourceOf(reception));
  facts.Add("Connected to", IsolatedText(reception.peer_address()));
  facts.Add("To", DestinationOf(reception));
  facts.Add("On the disk", HumanBytes(reception.bytes_durable()));
  facts.Add("SHA-256", EscapeHtml(reception.content_sha256()));
  facts.Add("Root of the manifest", EscapeHtml(reception.content_root()));
  for (const auto& [key, value] : reception.spec().labels()) {
    facts.Add(key, IsolatedText(value));
  }
  facts.AddTime("Created (UTC)", reception.create_time());
  facts.AddTime("Connected (UTC)", reception.connect_time());
  facts.AddTime("Started (UTC)", reception.start_time());
  facts.AddTime("Ended (UTC)", reception.end_time());
  return facts.Html();
}

}  // namespace

StatusContent ReceptionPage(const ReceptionTable& table,
                            const HttpRequest& request) {
  const std::string name = request.path.substr(1);
  const auto reception = table.Get(name);
  if (!reception.ok()) return ErrorContent(reception.status());
  const std::string why = WhyOf(*reception);
  return {.title = name,
          .summary_html = absl::StrCat(
              StateBadge(StateName(reception->state())), why.empty() ? "" : " ",
              why.empty() ? "" : IsolatedText(why)),
          .main_html = Facts(*reception)};
}

}  // namespace tcptool::server
