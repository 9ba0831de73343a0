#include "server/http/http_message.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kHeaders =
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n";

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Bad Request";
  }
}

// The value of a hexadecimal digit; none for other characters.
std::optional<int> HexDigit(char c) {
  if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
  if (absl::ascii_isdigit(static_cast<unsigned char>(c))) return c - '0';
  return absl::ascii_tolower(static_cast<unsigned char>(c)) - 'a' + 10;
}

std::optional<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const std::optional<int> high = HexDigit(text[i + 1]);
    const std::optional<int> low = HexDigit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    decoded += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return decoded;
}

// RFC 9110, 5.6.2.
bool IsToken(absl::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("!#$%&'*+-.^_`|~", c);
  });
}

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed ", what));
}

absl::Status ParseRequestLine(absl::string_view line, HttpRequest& request) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() != 3 || !IsToken(words[0]) ||
      !absl::StartsWith(words[1], "/") ||
      (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0")) {
    return Malformed("request line; send: GET /PATH HTTP/1.1");
  }
  const std::pair<absl::string_view, absl::string_view> target =
      absl::StrSplit(words[1], absl::MaxSplits('?', 1));
  std::optional<std::string> path = PercentDecode(target.first);
  if (!path) return Malformed("path: % is not followed by two digits");
  request.method = std::string(words[0]);
  request.path = *std::move(path);
  request.query = std::string(target.second);
  request.is_http_1_0 = words[2] == "HTTP/1.0";
  request.keeps_alive = !request.is_http_1_0;
  return absl::OkStatus();
}

absl::Status ParseHeader(absl::string_view line, HttpRequest& request) {
  const std::pair<absl::string_view, absl::string_view> header =
      absl::StrSplit(line, absl::MaxSplits(':', 1));
  if (!absl::StrContains(line, ':') || !IsToken(header.first)) {
    return Malformed("header");
  }
  std::string name = absl::AsciiStrToLower(header.first);
  std::string value(absl::StripAsciiWhitespace(header.second));
  if (name == "host") {
    if (request.host) return Malformed("request: it has two Host headers");
    request.host = std::move(value);
    return absl::OkStatus();
  }
  if (absl::c_linear_search(kSingleHeaders, name) &&
      request.Header(name) != nullptr) {
    return Malformed(absl::StrCat("request: it has two headers ", name));
  }
  if (name == "connection" &&
      absl::StrContains(absl::AsciiStrToLower(value), "close")) {
    request.keeps_alive = false;
  }
  request.headers.emplace_back(std::move(name), std::move(value));
  return absl::OkStatus();
}

}  // namespace

bool HasControls(absl::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    return c != '\t' && absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
}

std::string HttpRequest::Parameter(absl::string_view name) const {
  for (const absl::string_view pair : absl::StrSplit(query, '&')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (parts.first != name) continue;
    return PercentDecode(absl::StrReplaceAll(parts.second, {{"+", " "}}))
        .value_or("");
  }
  return "";
}

const std::string* HttpRequest::Header(absl::string_view name) const {
  const auto found = std::ranges::find(
      headers, name, [](const auto& one) -> const auto& { return one.first; });
  return found == headers.end() ? nullptr : &found->second;
}

std::optional<size_t> HeadSize(absl::string_view data) {
  // A line may end without the CR (RFC 9112, 2.2).
  size_t line = 0;
  for (size_t end = data.find('\n'); end != absl::string_view::npos;
       end = data.find('\n', line)) {
    const absl::string_view text = data.substr(line, end - line);
    if (text.empty() || text == "\r") return end + 1;
    line = end + 1;
  }
  return std::nullopt;
}

absl::StatusOr<HttpRequest> ParseHead(absl::string_view head) {
  HttpRequest request;
  bool first = true;
  for (absl::string_view line : absl::StrSplit(head, '\n')) {
    line = absl::StripSuffix(line, "\r");
    if (HasControls(line)) return Malformed("head: control characters");
    if (!first && line.empty()) return request;
    absl::Status status =
        first ? ParseRequestLine(line, request) : ParseHeader(line, request);
    if (!status.ok()) return status;
    first = false;
  }
  return Malformed("head: it has no end");
}

std::string SerializeHead(const HttpResponse& response,
                          const HttpFraming& framing) {
  std::string head = absl::StrCat(
      "HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status), "\r\n",
      framing.keeps_alive ? "" : "Connection: close\r\n", kHeaders);
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  // Not without content (RFC 9110, 8.6).
  if (response.status == 204) return absl::StrCat(head, "\r\n");
  absl::StrAppend(&head, "Content-Type: ", response.content_type, "\r\n");
  if (framing.length) {
    absl::StrAppend(&head, "Content-Length: ", *framing.length, "\r\n");
  }
  if (framing.is_chunked) {
    absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
  }
  return absl::StrCat(head, "\r\n");
}

std::string Serialize(const HttpResponse& response, bool head_only) {
  return absl::StrCat(SerializeHead(response, {.length = response.body.size()}),
                      head_only ? "" : response.body);
}

}  // namespace tcptool::server
