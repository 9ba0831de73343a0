#include "server/http/html.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace tcptool::server {

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {"'", "&#39;"}});
}

std::string IsolatedText(absl::string_view text) {
  return absl::StrCat("<bdi>", EscapeHtml(text), "</bdi>");
}

std::string EscapeUrl(absl::string_view text) {
  constexpr absl::string_view kUnreserved = "-._~";  // RFC 3986, 2.3.
  std::string url;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) ||
        kUnreserved.find(c) != absl::string_view::npos) {
      url += c;
    } else {
      absl::StrAppendFormat(&url, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return url;
}

}  // namespace tcptool::server
