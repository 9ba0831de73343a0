// The body of a request of HTTP/1.1 (RFC 9112, section 6).
#ifndef TCPTOOL_SERVER_HTTP_HTTP_BODY_H_
#define TCPTOOL_SERVER_HTTP_HTTP_BODY_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/http/http_message.h"

namespace tcptool::server {

// Takes a body from what a client sends, by its length or in chunks.
class HttpBody {
 public:
  // INVALID_ARGUMENT: where it ends cannot be told, or is told in two ways.
  // RESOURCE_EXHAUSTED: it is to be longer than `max_bytes`.
  static absl::StatusOr<HttpBody> Of(const HttpRequest& request,
                                     size_t max_bytes);

  // Takes from the front of `input` what belongs to the body. INVALID_ARGUMENT:
  // a chunk is malformed; RESOURCE_EXHAUSTED: there are more than `max_bytes`.
  absl::Status Take(std::string& input);

  // All has come.
  bool done() const { return state_ == State::kDone; }
  std::string& bytes() { return bytes_; }

 private:
  enum class State { kLength, kSize, kChunk, kChunkEnd, kTrailers, kDone };

  HttpBody(State state, size_t left, size_t max_bytes)
      : state_(state), left_(left), max_bytes_(max_bytes) {}

  // A line of the chunked framing that has come in full.
  absl::Status TakeLine(absl::string_view line);

  State state_;
  size_t left_;  // Of the body, or of the chunk.
  size_t max_bytes_;
  size_t trailer_bytes_ = 0;
  std::string bytes_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_BODY_H_
