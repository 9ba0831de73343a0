#include "client/tcptoolctl/redraw.h"

#include "absl/strings/str_cat.h"
#include "text/characters.h"

namespace tcptool {

std::string Redraw(const std::vector<std::string>& before,
                   const std::vector<std::string>& after, size_t columns) {
  std::string text;
  if (!before.empty()) absl::StrAppend(&text, "\x1b[", before.size(), "A\r");
  for (size_t i = 0; i < after.size(); ++i) {
    if (i >= before.size() || before[i] != after[i]) {
      absl::StrAppend(&text, after[i]);
      // Behind a full line the cursor still is on its last character, which
      // terminals erase with the rest.
      if (Columns(after[i]) < columns) absl::StrAppend(&text, "\x1b[K");
    }
    absl::StrAppend(&text, "\n");
  }
  if (after.size() < before.size()) absl::StrAppend(&text, "\x1b[J");
  return text;
}

std::string RedrawOnly(const std::string& line, size_t columns) {
  return absl::StrCat("\r", line, Columns(line) < columns ? "\x1b[K" : "");
}

}  // namespace tcptool
