#include "text/terminal.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/string_view.h"

namespace tcptool {
namespace {

// Empty if the variable is not set.
absl::string_view Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? absl::string_view() : value;
}

}  // namespace

bool CanRedraw(int fd) {
  const absl::string_view terminal = Variable("TERM");
  return isatty(fd) && !terminal.empty() && terminal != "dumb" &&
         Variable("NO_COLOR").empty();
}

}  // namespace tcptool
