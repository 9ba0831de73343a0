// Text in HTML and in URLs: escaped, so that nobody's text becomes markup.
#ifndef TCPTOOL_SERVER_HTTP_HTML_H_
#define TCPTOOL_SERVER_HTTP_HTML_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tcptool::server {

// For the text of an element and for an attribute's value in double quotes.
std::string EscapeHtml(absl::string_view text);

// An element with `text`, which a user or a peer chose, escaped. Its direction
// is isolated too (<bdi>): bidirectional control characters do not affect the
// text around it.
std::string IsolatedText(absl::string_view text);

// For a part of a path or the value of a parameter in a URL.
std::string EscapeUrl(absl::string_view text);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTML_H_
