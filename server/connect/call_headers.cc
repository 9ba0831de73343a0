#include "server/connect/call_headers.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxTimeoutDigits = 10;

bool IsNumber(const std::string& text) {
  return !text.empty() && text.size() <= kMaxTimeoutDigits &&
         std::ranges::all_of(text, [](char c) {
           return absl::ascii_isdigit(static_cast<unsigned char>(c));
         });
}

}  // namespace

absl::StatusOr<CallHeaders> ParseCallHeaders(const HttpRequest& request,
                                             const Codec& codec) {
  const std::string* const version = request.Header("connect-protocol-version");
  if (version != nullptr && *version != "1") {
    return absl::InvalidArgumentError(
        absl::StrCat("Connect-Protocol-Version: ", *version,
                     ": this service has version 1"));
  }
  const absl::string_view coding_header =
      codec.is_stream ? "connect-content-encoding" : "content-encoding";
  const std::string* const coding = request.Header(coding_header);
  if (coding != nullptr && !coding->empty() && *coding != "identity") {
    return absl::UnimplementedError(
        absl::StrCat(coding_header, ": ", *coding,
                     ": this service takes no compression; the supported "
                     "encodings are: identity"));
  }
  CallHeaders headers;
  const std::string* const timeout = request.Header("connect-timeout-ms");
  if (timeout != nullptr) {
    int64_t milliseconds = 0;
    if (!IsNumber(*timeout) || !absl::SimpleAtoi(*timeout, &milliseconds)) {
      return absl::InvalidArgumentError(
          absl::StrCat("Connect-Timeout-Ms: ", *timeout,
                       ": write it in milliseconds, in 10 digits at most"));
    }
    headers.timeout = std::chrono::milliseconds(milliseconds);
  }
  return headers;
}

}  // namespace tcptool::server
