// What all pages of the status page are made of: the frame around them, tables,
// links to further pages, badges and progress bars. Arguments named `html` are
// put in as they are, others are escaped.
#ifndef TCPTOOL_SERVER_HTTP_STATUS_LAYOUT_H_
#define TCPTOOL_SERVER_HTTP_STATUS_LAYOUT_H_

#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/http/http_message.h"

namespace tcptool::server {

// How many sessions, receptions or distributions a page of a list has.
inline constexpr int kResourcesOnPage = 20;

// "2026-01-31 12:00:00" in UTC, for people and for programs.
std::string TimeElement(const google::protobuf::Timestamp& time);

// "PARTIALLY_SUCCEEDED" in words, in the colour that status.css has for it.
std::string StateBadge(std::string name);

// To the page of a resource by its name, as "sessions/ID".
std::string LinkTo(absl::string_view name, absl::string_view text);

// Why something is in its state; nothing if `text` is empty.
std::string Explanation(absl::string_view text);

// A bar, its percentage and "1.5 GiB acknowledged". `of_what` is the bar's name
// for screen readers; `verb`: what has become of the bytes, "acknowledged".
// `whole`: what `done` is a part of, which may be more than an integer has room
// for; 0 if that is not known, and there is no bar then.
std::string Progress(absl::string_view of_what, absl::string_view verb,
                     int64_t done, double whole);

// "12 MiB/s"; nothing if it is 0.
std::string Speed(int64_t bytes_per_second);

// A list of terms and their descriptions.
class FactList {
 public:
  // No effect if there is no description.
  void Add(absl::string_view term, absl::string_view html);
  // No effect unless the time is set.
  void AddTime(absl::string_view term, const google::protobuf::Timestamp& time);
  std::string Html() const;

 private:
  std::string facts_;
};

// `label` is shown in front of the cell on narrow screens, which have no room
// for the table's head.
std::string Cell(absl::string_view label, absl::string_view html);

// `rows_html` are complete rows; where there are none, a paragraph says so.
std::string HtmlTable(absl::string_view caption,
                      std::initializer_list<absl::string_view> columns,
                      absl::string_view rows_html, absl::string_view if_empty);

// The page token in a request's query; empty on the first page.
std::string PageToken(const HttpRequest& request);

// Links to the first page and to the next one, where there are such.
std::string PageLinks(const HttpRequest& request,
                      const std::string& next_page_token);

// What a page has in its frame. Screen readers announce changes of
// `summary_html`, and none of the rest, which changes each second.
struct StatusContent {
  int status = 200;
  std::string title;
  std::string summary_html;
  std::string main_html;
};

// 404 for NOT_FOUND, 503 for UNAVAILABLE, 400 for others, with the error's
// message.
StatusContent ErrorContent(const absl::Status& error);

// A whole page. `has_fleet`: it links to the fleet's pages too.
HttpResponse StatusDocument(const StatusContent& content, bool has_fleet);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_STATUS_LAYOUT_H_
