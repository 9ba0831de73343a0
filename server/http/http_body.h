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
  static absl::StatusOr<HttpBody> Of(const HttpRequest& request);

  // Before Take(). `why`, which outlives it: what comes behind "the body is
  // longer than 5 bytes". RESOURCE_EXHAUSTED: it is to be longer.
  absl::Status Limit(size_t max_bytes, absl::string_view why);

  // Takes from the front of `input` what belongs to the body. INVALID_ARGUMENT:
  // a chunk is malformed; RESOURCE_EXHAUSTED: there is more than Limit()
  // allows.
  absl::Status Take(std::string& input);

  // All has come.
  bool done() const { return state_ == State::kDone; }
  std::string& bytes() { return bytes_; }

 private:
  enum class State { kLength, kSize, kChunk, kChunkEnd, kTrailers, kDone };

  explicit HttpBody(State state, size_t left = 0)
      : state_(state), left_(left) {}

  // A line of the chunked framing that has come in full.
  absl::Status TakeLine(absl::string_view line);
  absl::Status TooLong() const;

  State state_;
  size_t left_;  // Of the body, or of the chunk.
  size_t max_bytes_ = 0;
  absl::string_view why_limited_;
  size_t trailer_bytes_ = 0;
  std::string bytes_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_BODY_H_
