#include "server/http/status_page.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/api/translate.h"
#include "server/http/html.h"
#include "server/http/status_page_files.h"
#include "version.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kSessions = "/sessions/";

// Isolates the direction of its characters too, lest a name turn the text
// around it.
std::string Foreign(absl::string_view text) {
  return absl::StrCat("<bdi>", EscapeHtml(text), "</bdi>");
}

std::string Bytes(int64_t bytes) {
  constexpr std::array<absl::string_view, 6> kUnits = {"B",   "KiB", "MiB",
                                                       "GiB", "TiB", "PiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

std::string TimeCell(bool is_set, const google::protobuf::Timestamp& time) {
  if (!is_set) return "";
  const std::string text =
      absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), absl::UTCTimeZone());
  return absl::StrCat("<time datetime=\"",
                      absl::StrReplaceAll(text, {{" ", "T"}}), "Z\">", text,
                      "</time>");
}

// "PARTIALLY_SUCCEEDED" as people read it, and as a class for its colour.
std::string Badge(std::string name) {
  absl::AsciiStrToLower(&name);
  return absl::StrCat("<span class=\"state ", name, "\">",
                      absl::StrReplaceAll(name, {{"_", " "}}), "</span>");
}

std::string StateBadge(v1::RecipientState state) {
  return Badge(std::string(
      absl::StripPrefix(v1::RecipientState_Name(state), "RECIPIENT_STATE_")));
}

// `whole` 0: nothing is known to compare with.
std::string Progress(absl::string_view of_what, int64_t done, int64_t whole,
                     absl::string_view in_words) {
  if (whole <= 0) return std::string(in_words);
  const int percent = static_cast<int>(
      std::min(100.0, 100.0 * static_cast<double>(done) / whole));
  return absl::StrCat("<progress max=\"100\" value=\"", percent,
                      "\" aria-label=\"", EscapeHtml(of_what), "\">", percent,
                      "%</progress> <span class=\"figures\">", percent, "%, ",
                      in_words, "</span>");
}

// Those that get the content, or should.
int64_t Takers(const v1::RecipientCounts& counts) {
  return int64_t{counts.expected()} + counts.ready() + counts.transferring() +
         counts.confirming() + counts.delivered() + counts.dropped() +
         counts.failed();
}

int64_t BytesToDeliver(const v1::Session& session) {
  return session.content_length() * Takers(session.counts());
}

std::string SessionProgress(const v1::Session& session) {
  return Progress(absl::StrCat(session.name(), ": acknowledged bytes"),
                  session.bytes_acked(), BytesToDeliver(session),
                  absl::StrCat(Bytes(session.bytes_acked()), " acknowledged"));
}

std::string Source(const v1::SessionSpec& spec) {
  if (spec.has_upload()) return "an upload";
  return Foreign(absl::StrCat(spec.file().root(), ": ", spec.file().path()));
}

std::string Counts(const v1::RecipientCounts& counts) {
  std::string text =
      absl::StrCat(counts.delivered(), " of ", Takers(counts), " delivered");
  const auto also = [&text](int32_t count, absl::string_view what) {
    if (count > 0) absl::StrAppend(&text, ", ", count, " ", what);
  };
  also(counts.handshaking(), "handshaking");
  also(counts.ready(), "ready");
  also(counts.failed(), "failed");
  also(counts.rejected(), "rejected");
  also(counts.dropped(), "dropped");
  return text;
}

std::string SessionLink(const v1::Session& session) {
  const std::string id(absl::StripPrefix(session.name(), "sessions/"));
  return absl::StrCat("<a href=\"", kSessions, EscapeUrl(id), "\">",
                      EscapeHtml(id), "</a>");
}

// `label` is what a phone shows in front of the cell, where the table's head
// does not fit.
std::string Cell(absl::string_view label, absl::string_view html) {
  return absl::StrCat("<td data-label=\"", label, "\">", html, "</td>\n");
}

std::string SessionRow(const v1::Session& session) {
  const std::string error =
      session.error().empty()
          ? ""
          : absl::StrCat("<p class=\"why\">", Foreign(session.error()), "</p>");
  return absl::StrCat(
      "<tr>\n<th scope=\"row\">", SessionLink(session), "</th>\n",
      Cell("State", absl::StrCat(Badge(StateName(session.state())), error)),
      Cell("Progress", SessionProgress(session)),
      Cell("Recipients", Counts(session.counts())),
      Cell("Content", Source(session.spec())),
      Cell("Created",
           TimeCell(session.has_create_time(), session.create_time())),
      "</tr>\n");
}

std::string RecipientRow(const v1::Session& session,
                         const v1::Recipient& recipient) {
  const size_t number = recipient.name().rfind('/') + 1;
  std::string why(absl::StripPrefix(
      v1::RecipientReason_Name(recipient.reason()), "RECIPIENT_REASON_"));
  if (recipient.reason() == v1::RECIPIENT_REASON_UNSPECIFIED) why.clear();
  if (!recipient.detail().empty()) {
    absl::StrAppend(&why, ": ", recipient.detail());
  }
  return absl::StrCat(
      "<tr>\n<th scope=\"row\">", EscapeHtml(recipient.name().substr(number)),
      "</th>\n",
      Cell("Address", absl::StrCat(Foreign(recipient.address()), " ",
                                   Foreign(recipient.label()))),
      Cell("State",
           absl::StrCat(StateBadge(recipient.state()),
                        why.empty() ? ""
                                    : absl::StrCat("<p class=\"why\">",
                                                   Foreign(why), "</p>"))),
      Cell("Progress",
           Progress(
               absl::StrCat("Recipient ", recipient.name().substr(number),
                            ": acknowledged bytes"),
               recipient.bytes_acked(), session.content_length(),
               absl::StrCat(Bytes(recipient.bytes_acked()), " acknowledged"))),
      Cell("Speed",
           recipient.bytes_per_second() > 0
               ? absl::StrCat(Bytes(recipient.bytes_per_second()), "/s")
               : ""),
      Cell("Connected",
           TimeCell(recipient.has_connect_time(), recipient.connect_time())),
      "</tr>\n");
}

std::string Table(absl::string_view caption,
                  std::initializer_list<absl::string_view> columns,
                  absl::string_view rows, absl::string_view if_empty) {
  if (rows.empty())
    return absl::StrCat("<p class=\"empty\">", if_empty, "</p>\n");
  std::string html =
      absl::StrCat("<table>\n<caption>", caption, "</caption>\n<thead><tr>");
  for (const absl::string_view column : columns) {
    absl::StrAppend(&html, "<th scope=\"col\">", column, "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n", rows,
                  "</tbody>\n</table>\n");
  return html;
}

// Links to the first page and to the next one, where there are such.
std::string Pages(const HttpRequest& request, const std::string& next) {
  const bool first = request.Parameter("page").empty();
  if (first && next.empty()) return "";
  std::string html = "<nav aria-label=\"Pages\">";
  if (!first) {
    absl::StrAppend(&html, "<a href=\"", EscapeHtml(request.path),
                    "\">First page</a> ");
  }
  if (!next.empty()) {
    absl::StrAppend(&html, "<a rel=\"next\" href=\"", EscapeHtml(request.path),
                    "?page=", EscapeUrl(next), "\">Next page</a>");
  }
  return absl::StrCat(html, "</nav>\n");
}

// `summary` is read out when it changes; the rest is not, lest a screen reader
// never be silent.
HttpResponse Page(int status, absl::string_view title,
                  absl::string_view summary, absl::string_view main) {
  return {
      .status = status,
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
          "</head>\n<body>\n<header><a href=\"/\">tcptool</a> "
          "<span id=\"connection\" role=\"status\"></span></header>\n"
          "<main>\n<h1>",
          title,
          "</h1>\n"
          "<p id=\"summary\" aria-live=\"polite\">",
          summary, "</p>\n", main, "</main>\n<footer>tcptoold ",
          std::string(kVersion), ", ",
          absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::Now(),
                           absl::UTCTimeZone()),
          " UTC</footer>\n</body>\n</html>\n")};
}

HttpResponse ErrorPage(const absl::Status& error) {
  const int status = absl::IsNotFound(error) ? 404 : 400;
  return Page(status, status == 404 ? "Not found" : "Bad request",
              EscapeHtml(error.message()),
              "<p><a href=\"/\">All sessions</a></p>\n");
}

HttpResponse SessionsPage(const SessionTable& table,
                          const HttpRequest& request) {
  v1::ListSessionsRequest list;
  list.set_page_size(kSessionsOnPage);
  list.set_page_token(request.Parameter("page"));
  const auto sessions = table.List(list);
  if (!sessions.ok()) return ErrorPage(sessions.status());
  std::string rows;
  for (const v1::Session& session : sessions->sessions()) {
    rows += SessionRow(session);
  }
  const SessionTable::Totals totals = table.Count();
  const auto count = [&totals](v1::SessionState state) {
    return totals.sessions[state];
  };
  return Page(
      200, "Sessions",
      absl::StrCat(count(v1::SESSION_STATE_WAITING), " waiting, ",
                   count(v1::SESSION_STATE_TRANSFERRING), " transferring, ",
                   count(v1::SESSION_STATE_SUCCEEDED), " succeeded, ",
                   count(v1::SESSION_STATE_PARTIALLY_SUCCEEDED) +
                       count(v1::SESSION_STATE_FAILED) +
                       count(v1::SESSION_STATE_INTERRUPTED),
                   " with failures. ", totals.recipients.delivered(),
                   " recipients have everything."),
      absl::StrCat(Table("Sessions, the newest first",
                         {"Session", "State", "Progress", "Recipients",
                          "Content", "Created (UTC)"},
                         rows, "There are no sessions."),
                   Pages(request, sessions->next_page_token())));
}

HttpResponse SessionPage(const SessionTable& table,
                         const HttpRequest& request) {
  const std::string name = request.path.substr(1);
  const auto session = table.Get(name);
  if (!session.ok()) return ErrorPage(session.status());
  v1::ListRecipientsRequest list;
  list.set_parent(name);
  list.set_page_size(kRecipientsOnPage);
  list.set_page_token(request.Parameter("page"));
  const auto recipients = table.ListRecipients(list);
  if (!recipients.ok()) return ErrorPage(recipients.status());
  std::string rows;
  for (const v1::Recipient& recipient : recipients->recipients()) {
    rows += RecipientRow(*session, recipient);
  }
  std::string facts;
  const auto fact = [&facts](absl::string_view term, absl::string_view html) {
    if (html.empty()) return;
    absl::StrAppend(&facts, "<div><dt>", term, "</dt><dd>", html,
                    "</dd></div>\n");
  };
  fact("Progress", SessionProgress(*session));
  fact("Content",
       absl::StrCat(Source(session->spec()),
                    session->has_content_length()
                        ? absl::StrCat(", ", Bytes(session->content_length()))
                        : ""));
  fact("Recipients connect to", Foreign(session->data_endpoint()));
  for (const auto& [key, value] : session->spec().labels()) {
    fact(EscapeHtml(key), Foreign(value));
  }
  fact("Created (UTC)",
       TimeCell(session->has_create_time(), session->create_time()));
  fact("Started (UTC)",
       TimeCell(session->has_start_time(), session->start_time()));
  fact("Ended (UTC)", TimeCell(session->has_end_time(), session->end_time()));
  return Page(200, EscapeHtml(name),
              absl::StrCat(Badge(StateName(session->state())), " ",
                           Counts(session->counts()),
                           session->error().empty() ? "" : ". ",
                           Foreign(session->error())),
              absl::StrCat("<dl>\n", facts, "</dl>\n",
                           Table("Recipients",
                                 {"Recipient", "Address and label", "State",
                                  "Progress", "Speed", "Connected (UTC)"},
                                 rows, "Nobody has connected yet."),
                           Pages(request, recipients->next_page_token())));
}

}  // namespace

bool IsStatusPage(absl::string_view path) {
  return path == "/" || path == "/status.css" || path == "/status.js" ||
         absl::StartsWith(path, kSessions);
}

HttpResponse StatusPage(const SessionTable& table, const HttpRequest& request) {
  if (request.path == "/status.css") {
    return {.content_type = "text/css; charset=utf-8",
            .body = std::string(kStatusCss)};
  }
  if (request.path == "/status.js") {
    return {.content_type = "text/javascript; charset=utf-8",
            .body = std::string(kStatusJs)};
  }
  if (request.path == "/") return SessionsPage(table, request);
  return SessionPage(table, request);
}

}  // namespace tcptool::server
