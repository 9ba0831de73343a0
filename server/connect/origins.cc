#include "server/connect/origins.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace tcptool::server {
namespace {

// What clients of the Connect protocol send, but for what browsers let any page
// send.
constexpr char kAllowedHeaders[] =
    "Authorization, Content-Type, Connect-Protocol-Version, "
    "Connect-Timeout-Ms, X-User-Agent";
constexpr char kMaxAgeSeconds[] = "7200";

}  // namespace

bool Origins::Allows(const HttpRequest& request) const {
  const std::string* const origin = request.Header("origin");
  return origin == nullptr || names_.contains(*origin);
}

Origins::Headers Origins::HeadersFor(const HttpRequest& request) const {
  const std::string* const origin = request.Header("origin");
  if (names_.empty()) return {};
  // Caches are to know that the answer to others is another one.
  Headers headers = {{"Vary", "Origin"}};
  if (origin != nullptr && names_.contains(*origin)) {
    headers.emplace_back("Access-Control-Allow-Origin", *origin);
  }
  return headers;
}

HttpResponse Origins::Preflight(const HttpRequest& request) const {
  HttpResponse response = {.status = 204, .headers = HeadersFor(request)};
  response.headers.emplace_back("Access-Control-Allow-Methods", "POST");
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                kAllowedHeaders);
  response.headers.emplace_back("Access-Control-Max-Age", kMaxAgeSeconds);
  return response;
}

bool IsOrigin(absl::string_view text) {
  const bool is_https = absl::ConsumePrefix(&text, "https://");
  if (!is_https && !absl::ConsumePrefix(&text, "http://")) return false;
  return !text.empty() && !absl::EndsWith(text, is_https ? ":443" : ":80") &&
         std::ranges::all_of(text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) ||
                  absl::StrContains(".-:[]_", c);
         });
}

}  // namespace tcptool::server
