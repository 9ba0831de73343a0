#include "server/api/page_token.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/api/deterministic.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {
namespace {

constexpr int kDefaultSize = 100;
constexpr int kMaxSize = 1000;

// FNV-1a: the same in every process, unlike absl::Hash.
uint64_t Fingerprint(const google::protobuf::MessageLite& message) {
  const std::string bytes = SerializeDeterministically(message);
  uint64_t hash = 14695981039346656037u;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}

}  // namespace

template <typename Request>
absl::StatusOr<Page> Page::Parse(Request& request) {
  Page page;
  if (request.page_size() < 0) {
    return InvalidField("page_size", "it is negative; 0 means the default");
  }
  page.size = request.page_size() == 0
                  ? kDefaultSize
                  : std::min(request.page_size(), kMaxSize);
  const std::string token = std::exchange(*request.mutable_page_token(), {});
  request.set_page_size(0);
  page.fingerprint_ = Fingerprint(request);
  if (token.empty()) return page;
  std::string text;
  uint64_t number = 0;
  uint64_t fingerprint = 0;
  const bool parsed = absl::WebSafeBase64Unescape(token, &text);
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  if (!parsed || parts.size() != 2 || !absl::SimpleAtoi(parts[0], &number) ||
      !absl::SimpleAtoi(parts[1], &fingerprint)) {
    return InvalidField("page_token", "it is not one of this service's");
  }
  if (fingerprint != page.fingerprint_) {
    return InvalidField("page_token",
                        "it belongs to a request with other fields");
  }
  page.begin = number;
  return page;
}

absl::StatusOr<Page> Page::Of(v1::ListSessionsRequest request) {
  return Parse(request);
}

absl::StatusOr<Page> Page::Of(v1::ListRecipientsRequest request) {
  return Parse(request);
}

absl::StatusOr<Page> Page::Of(v1::ListReceptionsRequest request) {
  return Parse(request);
}

std::string Page::Token(uint64_t number) const {
  return absl::WebSafeBase64Escape(absl::StrCat(number, ".", fingerprint_));
}

}  // namespace tcptool::server
