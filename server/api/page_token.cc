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

// A request for a page, as far as it is right.
struct Asked {
  int size = 0;
  uint64_t fingerprint = 0;
  // What the token says where the page begins. Empty: there is no token.
  std::string begin;
};

void AddNoToken(InvalidFields& wrong) {
  wrong.Add("page_token", "it is not one of this service's");
}

template <typename Request>
Asked Read(Request& request, InvalidFields& wrong) {
  if (request.page_size() < 0) {
    wrong.Add("page_size", "it is negative; 0 means the default");
  }
  Asked asked;
  asked.size = request.page_size() == 0
                   ? kDefaultSize
                   : std::min(request.page_size(), kMaxSize);
  const std::string token = std::exchange(*request.mutable_page_token(), {});
  request.set_page_size(0);
  asked.fingerprint = Fingerprint(request);
  if (token.empty()) return asked;
  std::string text;
  uint64_t fingerprint = 0;
  const bool is_text = absl::WebSafeBase64Unescape(token, &text);
  // A name may have dots.
  const size_t dot = text.rfind('.');
  if (!is_text || dot == std::string::npos || dot == 0 ||
      !absl::SimpleAtoi(text.substr(dot + 1), &fingerprint)) {
    AddNoToken(wrong);
  } else if (fingerprint != asked.fingerprint) {
    wrong.Add("page_token",
              "it belongs to another listing, or to a request with other "
              "fields");
  } else {
    asked.begin = text.substr(0, dot);
  }
  return asked;
}

template <typename Begin>
std::string ToToken(const Begin& begin, uint64_t fingerprint) {
  return absl::WebSafeBase64Escape(absl::StrCat(begin, ".", fingerprint));
}

}  // namespace

template <typename Request>
absl::StatusOr<Page> Page::Parse(Request& request) {
  InvalidFields wrong;
  const Asked asked = Read(request, wrong);
  Page page;
  page.size = asked.size;
  page.fingerprint_ = asked.fingerprint;
  absl::string_view begin = asked.begin;
  uint64_t number = 0;
  if constexpr (std::is_same_v<Request, v1::ListRecipientsRequest>) {
    // "NUMBER.EXPECTED"; of a service before 0.2.0, "NUMBER".
    if (const size_t dot = begin.find('.'); dot != absl::string_view::npos) {
      if (absl::SimpleAtoi(begin.substr(dot + 1), &number)) {
        page.expected = number;
      } else {
        AddNoToken(wrong);
      }
      begin = begin.substr(0, dot);
    }
  }
  if (absl::SimpleAtoi(begin, &number)) {
    page.begin = number;
  } else if (!asked.begin.empty()) {
    AddNoToken(wrong);
  }
  if (!wrong.empty()) return wrong.status();
  return page;
}

template <typename Request>
absl::StatusOr<NamePage> NamePage::Parse(Request& request) {
  InvalidFields wrong;
  Asked asked = Read(request, wrong);
  if (!wrong.empty()) return wrong.status();
  NamePage page;
  page.size = asked.size;
  page.fingerprint_ = asked.fingerprint;
  page.begin = std::move(asked.begin);
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
