#include "server/api/spec_checker.h"

#include <optional>

#include "absl/strings/match.h"
#include "dataplane/base/ip_address.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxLabels = 64;
constexpr int32_t kNanosInSecond = 1'000'000'000;

}  // namespace

void SpecChecker::Wrong(absl::string_view field, absl::string_view what) {
  wrong_.Add(absl::StrCat(prefix_, field), what);
}

absl::Duration SpecChecker::InRange(absl::string_view field,
                                    const google::protobuf::Duration& given,
                                    absl::Duration low, absl::Duration high) {
  if (given.nanos() <= -kNanosInSecond || given.nanos() >= kNanosInSecond) {
    Wrong(field, absl::StrCat(given.nanos(),
                              " nanos are a second or more; put whole "
                              "seconds into seconds"));
  }
  // JSON has no form for it, so that nobody could read back what it is.
  if ((given.seconds() > 0 && given.nanos() < 0) ||
      (given.seconds() < 0 && given.nanos() > 0)) {
    Wrong(field, "its seconds and its nanos have not the same sign");
  }
  const absl::Duration value = ToDuration(given);
  if (value < low || value > high) {
    Wrong(field,
          absl::StrCat(absl::FormatDuration(value), " is not in the range ",
                       absl::FormatDuration(low), " to ",
                       absl::FormatDuration(high)));
  }
  return value;
}

asio::ip::address SpecChecker::Address(absl::string_view field,
                                       const std::string& text) {
  const std::optional<asio::ip::address> address =
      dataplane::ParseIpAddress(text);
  if (!address) Wrong(field, absl::StrCat("\"", text, "\" is no IP address"));
  return address.value_or(asio::ip::address());
}

void SpecChecker::Path(absl::string_view field, const std::string& root,
                       const std::string& path) {
  if (root.empty()) Wrong(absl::StrCat(field, ".root"), "it is empty");
  if (path.empty() || path.size() > kMaxPathBytes) {
    Wrong(absl::StrCat(field, ".path"), "it is not 1 to 4,096 bytes long");
  }
  if (absl::StrContains(path, '\0')) {
    Wrong(absl::StrCat(field, ".path"), "it has a NUL in it");
  }
}

void SpecChecker::Labels(
    absl::string_view field,
    const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.size() > kMaxLabels) {
    Wrong(field, absl::StrCat("there are more than ", kMaxLabels));
  }
  for (const auto& [key, value] : labels) {
    const bool key_is_good =
        !key.empty() && key.size() <= 63 && key[0] >= 'a' && key[0] <= 'z' &&
        key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-/") ==
            std::string::npos;
    if (!key_is_good) {
      Wrong(field,
            absl::StrCat("key \"", key,
                         "\" is not 1 to 63 characters of a-z, 0-9, '.', "
                         "'_', '-' and '/', the first a letter"));
    }
    if (value.size() > kMaxLabelBytes) {
      Wrong(field, absl::StrCat("the value of \"", key, "\" is longer than ",
                                kMaxLabelBytes, " bytes"));
    }
  }
}

}  // namespace tcptool::server
