#include "dataplane/content/digest_check.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {

absl::Status CheckDigest(const ContentDigest& digest) {
  const std::string hex = digest.hex();
  if (hex.empty() || digest.expected().empty() || hex == digest.expected()) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("the content is not the expected one: its SHA-256 is ", hex,
                   ", and not ", digest.expected()));
}

}  // namespace tcptool::dataplane
