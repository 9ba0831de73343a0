#include "server/http/status_layout.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "messages/time.h"
#include "server/http/html.h"
#include "text/amounts.h"
#include "version.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kFleetLinks =
    " <a href=\"/distributions\">Distributions</a> "
    "<a href=\"/nodes\">Nodes</a>";

std::string FormatUtc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::UTCTimeZone());
}

}  // namespace

std::string TimeElement(const google::protobuf::Timestamp& time) {
  const std::string text = FormatUtc(ToTime(time));
  return absl::StrCat("<time datetime=\"",
                      absl::StrReplaceAll(text, {{" ", "T"}}), "Z\">", text,
                      "</time>");
}

std::string StateBadge(std::string name) {
  absl::AsciiStrToLower(&name);
  return absl::StrCat("<span class=\"state ", name, "\">",
                      absl::StrReplaceAll(name, {{"_", " "}}), "</span>");
}

std::string LinkTo(absl::string_view name, absl::string_view text) {
  return absl::StrCat("<a href=\"/", EscapeHtml(name), "\">", EscapeHtml(text),
                      "</a>");
}

std::string Explanation(absl::string_view text) {
  if (text.empty()) return "";
  return absl::StrCat("<p class=\"why\">", IsolatedText(text), "</p>");
}

std::string Progress(absl::string_view of_what, absl::string_view verb,
                     int64_t done, double whole) {
  const std::string words = absl::StrCat(HumanBytes(done), " ", verb);
  if (whole <= 0) return words;
  const int percent = static_cast<int>(
      std::min(100.0, 100.0 * static_cast<double>(done) / whole));
  return absl::StrCat("<progress max=\"100\" value=\"", percent,
                      "\" aria-label=\"", EscapeHtml(of_what), ": ", verb,
                      " bytes\">", percent,
                      "%</progress> <span class=\"figures\">", percent, "%, ",
                      words, "</span>");
}

std::string Speed(int64_t bytes_per_second) {
  if (bytes_per_second <= 0) return "";
  return absl::StrCat(HumanBytes(bytes_per_second), "/s");
}

void FactList::Add(absl::string_view term, absl::string_view html) {
  if (html.empty()) return;
  absl::StrAppend(&facts_, "<div><dt>", EscapeHtml(term), "</dt><dd>", html,
                  "</dd></div>\n");
}

void FactList::AddTime(absl::string_view term,
                       const google::protobuf::Timestamp& time) {
  if (time.seconds() != 0) Add(term, TimeElement(time));
}

std::string FactList::Html() const {
  return absl::StrCat("<dl>\n", facts_, "</dl>\n");
}

std::string Cell(absl::string_view label, absl::string_view html) {
  return absl::StrCat("<td data-label=\"", EscapeHtml(label), "\">", html,
                      "</td>\n");
}

std::string HtmlTable(absl::string_view caption,
                      std::initializer_list<absl::string_view> columns,
                      absl::string_view rows_html, absl::string_view if_empty) {
  if (rows_html.empty()) {
    return absl::StrCat("<p class=\"empty\">", EscapeHtml(if_empty), "</p>\n");
  }
  std::string html = absl::StrCat("<table>\n<caption>", EscapeHtml(caption),
                                  "</caption>\n<thead><tr>");
  for (const absl::string_view column : columns) {
    absl::StrAppend(&html, "<th scope=\"col\">", EscapeHtml(column), "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n", rows_html,
                  "</tbody>\n</table>\n");
  return html;
}

std::string PageToken(const HttpRequest& request) {
  return request.Parameter("page");
}

std::string PageLinks(const HttpRequest& request,
                      const std::string& next_page_token) {
  const bool first = PageToken(request).empty();
  if (first && next_page_token.empty()) return "";
  const std::string path = EscapeHtml(request.path);
  std::string html = "<nav aria-label=\"Pages\">";
  if (!first) {
    absl::StrAppend(&html, "<a href=\"", path, "\">First page</a> ");
  }
  if (!next_page_token.empty()) {
    absl::StrAppend(&html, "<a rel=\"next\" href=\"", path,
                    "?page=", EscapeUrl(next_page_token), "\">Next page</a>");
  }
  return absl::StrCat(html, "</nav>\n");
}

StatusContent ErrorContent(const absl::Status& error) {
  StatusContent content = {.status = 400, .title = "Bad request"};
  if (absl::IsNotFound(error)) content = {.status = 404, .title = "Not found"};
  if (absl::IsUnavailable(error)) {
    content = {.status = 503, .title = "Not available at the moment"};
  }
  content.summary_html = EscapeHtml(error.message());
  return content;
}

HttpResponse StatusDocument(const StatusContent& content, bool has_fleet) {
  const std::string title = EscapeHtml(content.title);
  return {
      .status = content.status,
      .content_type = "text/html; charset=utf-8",
      .body = absl::StrCat(
          "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\">\n"
          "<title>",
          title,
          " - tcptool</title>\n"
          "<link rel=\"icon\" href=\"data:,\">\n"
          "<link rel=\"stylesheet\" href=\"/status.css\">\n"
          "<script src=\"/status.js\" defer></script>\n"
          "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n"
          "</head>\n<body>\n<header><nav aria-label=\"Lists\">"
          "<strong>tcptool</strong> <a href=\"/\">Sessions</a> "
          "<a href=\"/receptions\">Receptions</a>",
          has_fleet ? kFleetLinks : "",
          "</nav> <span id=\"connection\" role=\"status\"></span></header>\n"
          "<main>\n<h1>",
          title,
          "</h1>\n"
          "<p id=\"summary\" aria-live=\"polite\">",
          content.summary_html, "</p>\n", content.main_html,
          "</main>\n<footer>tcptoold ", std::string(kVersion), ", ",
          FormatUtc(absl::Now()), " UTC</footer>\n</body>\n</html>\n")};
}

}  // namespace tcptool::server
