#include "server/api/page_token.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/api/deterministic.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {
namespace {

constexpr int kDefaultSize = 100;
constexpr int kMaxSize = 1000;

// FNV-1a: the same in every process, unlike absl::Hash. Of the type too:
// requests for different listings may have the same fields.
uint64_t Fingerprint(const google::protobuf::MessageLite& message) {
  const std::string bytes = absl::StrCat(message.GetTypeName(), "\n",
                                         SerializeDeterministically(message));
  uint64_t hash = 14695981039346656037u;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}

// A request for a page.
struct Asked {
  int size;
  uint64_t fingerprint;
  // What the token says where the page begins. Empty: there is no token.
  std::string begin;
};

absl::Status NoToken() {
  return InvalidField("page_token", "it is not one of this service's");
}

template <typename Request>
absl::StatusOr<Asked> Read(Request& request) {
  if (request.page_size() < 0) {
    return InvalidField("page_size", "it is negative; 0 means the default");
  }
  Asked asked = {.size = request.page_size() == 0
                             ? kDefaultSize
                             : std::min(request.page_size(), kMaxSize)};
  const std::string token = std::exchange(*request.mutable_page_token(), {});
  request.set_page_size(0);
  asked.fingerprint = Fingerprint(request);
  if (token.empty()) return asked;
  std::string text;
  uint64_t fingerprint = 0;
  if (!absl::WebSafeBase64Unescape(token, &text)) return NoToken();
  // A name may have dots.
  const size_t dot = text.rfind('.');
  if (dot == std::string::npos || dot == 0 ||
      !absl::SimpleAtoi(text.substr(dot + 1), &fingerprint)) {
    return NoToken();
  }
  if (fingerprint != asked.fingerprint) {
    return InvalidField("page_token",
                        "it belongs to another listing, or to a request with "
                        "other fields");
  }
  asked.begin = text.substr(0, dot);
  return asked;
}

template <typename Begin>
std::string ToToken(const Begin& begin, uint64_t fingerprint) {
  return absl::WebSafeBase64Escape(absl::StrCat(begin, ".", fingerprint));
}

}  // namespace

template <typename Request>
absl::StatusOr<Page> Page::Parse(Request& request) {
  const absl::StatusOr<Asked> asked = Read(request);
  if (!asked.ok()) return asked.status();
  Page page;
  page.size = asked->size;
  page.fingerprint_ = asked->fingerprint;
  if (asked->begin.empty()) return page;
  absl::string_view begin = asked->begin;
  uint64_t number = 0;
  if constexpr (std::is_same_v<Request, v1::ListRecipientsRequest>) {
    // "NUMBER.EXPECTED"; of a service before 0.2.0, "NUMBER".
    if (const size_t dot = begin.find('.'); dot != absl::string_view::npos) {
      if (!absl::SimpleAtoi(begin.substr(dot + 1), &number)) return NoToken();
      page.expected = number;
      begin = begin.substr(0, dot);
    }
  }
  if (!absl::SimpleAtoi(begin, &number)) return NoToken();
  page.begin = number;
  return page;
}

template <typename Request>
absl::StatusOr<NamePage> NamePage::Parse(Request& request) {
  absl::StatusOr<Asked> asked = Read(request);
  if (!asked.ok()) return asked.status();
  NamePage page;
  page.size = asked->size;
  page.fingerprint_ = asked->fingerprint;
  page.begin = std::move(asked->begin);
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

absl::StatusOr<Page> Page::Of(v1::ListDistributionsRequest request) {
  return Parse(request);
}

std::string Page::Token(uint64_t number) const {
  return ToToken(number, fingerprint_);
}

std::string Page::Token(uint64_t number, uint64_t expected) const {
  return ToToken(absl::StrCat(number, ".", expected), fingerprint_);
}

absl::StatusOr<NamePage> NamePage::Of(v1::ListDeliveriesRequest request) {
  return Parse(request);
}

absl::StatusOr<NamePage> NamePage::Of(v1::ListNodesRequest request) {
  return Parse(request);
}

absl::StatusOr<NamePage> NamePage::Of(v1::ListFilesRequest request) {
  return Parse(request);
}

std::string NamePage::Token(const std::string& name) const {
  return ToToken(name, fingerprint_);
}

}  // namespace tcptool::server
