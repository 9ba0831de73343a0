// The heads of requests, and responses, of HTTP/1.1 (RFC 9112).
#ifndef TCPTOOL_SERVER_HTTP_HTTP_MESSAGE_H_
#define TCPTOOL_SERVER_HTTP_HTTP_MESSAGE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {

// What more than one of in a request would be taken for by somebody else.
inline constexpr absl::string_view kSingleHeaders[] = {
    "authorization", "content-length", "content-type", "origin",
    "transfer-encoding"};

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // Percent-decoded; begins with '/'.
  std::string query;   // As sent, without the '?'.
  // The Host header as sent, with its port; none in HTTP/1.0 at most.
  std::optional<std::string> host;
  // The other headers: names in lower case, values without spaces around them.
  // Each of kSingleHeaders is there once at most.
  std::vector<std::pair<std::string, std::string>> headers;
  // The client may send another request on the connection.
  bool keeps_alive = false;
  // It is of HTTP/1.0, which knows no chunks.
  bool is_http_1_0 = false;

  // The first one of this name, which is in lower case; null: there is none.
  const std::string* Header(absl::string_view name) const;
  // The decoded value of a parameter of the query; empty if there is none, or
  // if it is malformed.
  std::string Parameter(absl::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // Besides these.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Takes the answer to one request, once, on any thread: `make` is called on the
// server's thread if somebody still waits for the answer, and dropped if not.
using HttpRespond = std::function<void(std::function<HttpResponse()> make)>;

// Whether `text` has control characters, but for tabs.
bool HasControls(absl::string_view text);

// How many bytes at the start of `data` are a request's head, with the empty
// line that ends it. None: it has not all come yet.
std::optional<size_t> HeadSize(absl::string_view data);

// The request with this head. INVALID_ARGUMENT: it is malformed, or of another
// version than HTTP/1.0 and 1.1. Two Host headers are malformed too, since
// a proxy may have checked the other one.
absl::StatusOr<HttpRequest> ParseHead(absl::string_view head);

// How the end of a response's body is told.
struct HttpFraming {
  // By its length, or by its chunks (RFC 9112, 7.1); with neither, by the end
  // of the connection.
  std::optional<size_t> length = {};
  bool is_chunked = false;
  // The connection goes on after it.
  bool keeps_alive = false;
};

// The head of a response as it is sent.
std::string SerializeHead(const HttpResponse& response,
                          const HttpFraming& framing);

// The response as it is sent, with headers that keep browsers from running,
// loading or framing anything in it that is not this server's own. The
// connection ends after it. `head_only`: to HEAD, without the body.
std::string Serialize(const HttpResponse& response, bool head_only);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_MESSAGE_H_
