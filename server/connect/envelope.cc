#include "server/connect/envelope.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

constexpr size_t kPrefixBytes = 5;
constexpr char kEndFlag = 2;

std::string WithPrefix(char flags, absl::string_view message) {
  const auto length = static_cast<uint32_t>(message.size());
  const char prefix[kPrefixBytes] = {
      flags, static_cast<char>(length >> 24), static_cast<char>(length >> 16),
      static_cast<char>(length >> 8), static_cast<char>(length)};
  return absl::StrCat(absl::string_view(prefix, kPrefixBytes), message);
}

}  // namespace

std::string Envelope(absl::string_view message) {
  return WithPrefix(0, message);
}

std::string EndEnvelope(absl::string_view json) {
  return WithPrefix(kEndFlag, json);
}

absl::StatusOr<absl::string_view> OnlyMessage(absl::string_view body) {
  if (body.empty()) {
    return absl::UnimplementedError(
        "the body has no message, and this method wants one");
  }
  size_t length = 0;
  for (size_t i = 1; i < kPrefixBytes && i < body.size(); ++i) {
    length = length << 8 | static_cast<uint8_t>(body[i]);
  }
  if (body.size() < kPrefixBytes || body.size() - kPrefixBytes < length) {
    return absl::InvalidArgumentError(
        "the body is cut: send a byte 0, the message's length in four bytes, "
        "and the message");
  }
  if (body.front() != 0) {
    return absl::InvalidArgumentError(
        "the message's flags are not 0: this service takes no compression");
  }
  if (body.size() - kPrefixBytes > length) {
    return absl::UnimplementedError(
        "the body has more than one message, and this method wants one");
  }
  return body.substr(kPrefixBytes);
}

}  // namespace tcptool::server
