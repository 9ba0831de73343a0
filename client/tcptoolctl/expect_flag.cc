#include "client/tcptoolctl/expect_flag.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/tcptoolctl/flag_values.h"

namespace tcptool {
namespace {

// No address of IPv6 begins so.
bool IsIdentity(absl::string_view text) {
  return absl::StartsWith(text, "cn:") || absl::StartsWith(text, "dns:") ||
         absl::StartsWith(text, "uri:");
}

}  // namespace

void AddExpect(CLI::App& app, const std::string& description,
               const std::function<v1::ExpectedRecipient*()>& add) {
  AddList(app, "--expect", "ADDR|IDENTITY[=LABEL]",
          absl::StrCat(description,
                       ", by its address, or by a name of its\n"
                       "certificate: cn:NAME, dns:NAME or uri:NAME"),
          [add](const std::string& text) {
            const Pair pair = SplitPair(text, '=');
            v1::ExpectedRecipient& expected = *add();
            if (IsIdentity(pair.first)) {
              expected.set_identity(pair.first);
            } else {
              expected.set_address(pair.first);
            }
            expected.set_label(pair.second);
          });
}

}  // namespace tcptool
