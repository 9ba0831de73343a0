#include "server/fleet/state/reception_name.h"

#include <span>

#include "absl/strings/str_cat.h"
#include "dataplane/base/sha256.h"

namespace tcptool::fleet {

std::string ReceptionId(absl::string_view fleet, absl::string_view distribution,
                        int64_t revision, absl::string_view uid) {
  const std::string text =
      absl::StrCat(fleet, "/", distribution, "@", revision, "/", uid);
  const std::string hash =
      dataplane::ToHex(dataplane::Sha256::Of(std::as_bytes(std::span(text))));
  return absl::StrCat("d-", hash.substr(0, 32));
}

std::string ReceptionName(absl::string_view fleet,
                          absl::string_view distribution, int64_t revision,
                          absl::string_view uid) {
  return absl::StrCat("receptions/",
                      ReceptionId(fleet, distribution, revision, uid));
}

}  // namespace tcptool::fleet
