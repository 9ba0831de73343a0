#include "server/http/http_body.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/api/errors.h"

namespace tcptool::server {
namespace {

// A chunk's size, with its extensions; all trailers, which nobody reads.
constexpr size_t kMaxLine = 256;
constexpr size_t kMaxTrailers = 4096;
// Digits of a chunk's size.
constexpr size_t kMaxSizeDigits = 8;

// Digits alone: neither a sign nor spaces.
bool IsNumber(absl::string_view text, bool (*is_digit)(unsigned char)) {
  return !text.empty() && std::ranges::all_of(text, [is_digit](char c) {
    return is_digit(static_cast<unsigned char>(c));
  });
}

}  // namespace

absl::StatusOr<HttpBody> HttpBody::Of(const HttpRequest& request) {
  const std::string* const coding = request.Header("transfer-encoding");
  const std::string* const length = request.Header("content-length");
  if (coding != nullptr && length != nullptr) {
    return absl::InvalidArgumentError(
        "the request has both a Content-Length and a Transfer-Encoding");
  }
  if (coding != nullptr) {
    // Of HTTP/1.0, whoever stands between may see its end elsewhere (RFC 9112,
    // 6.1).
    if (request.is_http_1_0) {
      return absl::InvalidArgumentError(
          "a request of HTTP/1.0 has no Transfer-Encoding: send a "
          "Content-Length");
    }
    if (!absl::EqualsIgnoreCase(*coding, "chunked")) {
      return absl::InvalidArgumentError(
          "the Transfer-Encoding is not \"chunked\"");
    }
    return HttpBody(State::kSize);
  }
  if (length == nullptr) return HttpBody(State::kDone);
  if (!IsNumber(*length, absl::ascii_isdigit)) {
    return absl::InvalidArgumentError("the Content-Length is no number");
  }
  size_t bytes = 0;
  if (!absl::SimpleAtoi(*length, &bytes)) {
    bytes = std::numeric_limits<size_t>::max();
  }
  return HttpBody(bytes == 0 ? State::kDone : State::kLength, bytes);
}

absl::Status HttpBody::Limit(size_t max_bytes, absl::string_view why) {
  max_bytes_ = max_bytes;
  why_limited_ = why;
  return left_ > max_bytes ? TooLong() : absl::OkStatus();
}

absl::Status HttpBody::TooLong() const {
  return Exhausted(v1::ERROR_REASON_LIMIT_REACHED, "bytes of a message",
                   absl::StrCat("the body is longer than ", max_bytes_,
                                " bytes", why_limited_));
}

absl::Status HttpBody::Take(std::string& input) {
  size_t taken = 0;
  absl::Status status;
  while (status.ok() && !done()) {
    const absl::string_view rest = absl::string_view(input).substr(taken);
    if (state_ == State::kLength || state_ == State::kChunk) {
      if (rest.empty()) break;
      const size_t count = std::min(left_, rest.size());
      bytes_.append(rest.data(), count);
      taken += count;
      left_ -= count;
      if (left_ == 0) {
        state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
      }
      continue;
    }
    const size_t end = rest.find('\n');
    if (end == absl::string_view::npos) {
      if (rest.size() > kMaxLine) {
        status = absl::InvalidArgumentError("a chunk's line is too long");
      }
      break;
    }
    taken += end + 1;
    absl::string_view line = rest.substr(0, end);
    // Where one that stands between took another character for the line's end,
    // the next request would begin elsewhere for it.
    if (absl::ConsumeSuffix(&line, "\r") && !HasControls(line)) {
      status = TakeLine(line);
    } else {
      status = absl::InvalidArgumentError(
          "a chunk's line has control characters, or does not end with CR LF");
    }
  }
  input.erase(0, taken);
  return status;
}

absl::Status HttpBody::TakeLine(absl::string_view line) {
  if (line.size() > kMaxLine) {
    return absl::InvalidArgumentError("a chunk's line is too long");
  }
  switch (state_) {
    case State::kSize: {
      const absl::string_view size =
          absl::StripTrailingAsciiWhitespace(line.substr(0, line.find(';')));
      uint64_t bytes = 0;
      if (!IsNumber(size, absl::ascii_isxdigit) ||
          size.size() > kMaxSizeDigits || !absl::SimpleHexAtoi(size, &bytes)) {
        return absl::InvalidArgumentError("a chunk's size is no number");
      }
      if (bytes > max_bytes_ - bytes_.size()) return TooLong();
      left_ = static_cast<size_t>(bytes);
      state_ = bytes == 0 ? State::kTrailers : State::kChunk;
      return absl::OkStatus();
    }
    case State::kChunkEnd:
      if (!line.empty()) {
        return absl::InvalidArgumentError(
            "a chunk is longer than its size says");
      }
      state_ = State::kSize;
      return absl::OkStatus();
    default:
      trailer_bytes_ += line.size();
      if (trailer_bytes_ > kMaxTrailers) {
        return absl::InvalidArgumentError("the trailers are too long");
      }
      if (line.empty()) state_ = State::kDone;
      return absl::OkStatus();
  }
}

}  // namespace tcptool::server
