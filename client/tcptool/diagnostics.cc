#include "client/tcptool/diagnostics.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::client {
namespace {

absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

// One write, so that lines of several processes do not mix. If standard error
// is gone there is nobody to tell.
void Write(const std::string& text) {
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

std::optional<Level> ParseLevel(std::string_view text) {
  switch (text.empty() ? '\0' : text.front()) {
    case 'n':
      return Level::kNone;
    case 'e':
      return Level::kError;
    case 'w':
      return Level::kWarning;
    case 'i':
      return Level::kInfo;
    case 'p':
      return Level::kProgress;
    case 'd':
      return Level::kDebug;
    default:
      return std::nullopt;
  }
}

Diagnostics::Diagnostics() {
  if (fcntl(STDERR_FILENO, F_GETFD) >= 0) return;
  const int nothing = open("/dev/null", O_WRONLY);
  if (nothing >= 0 && nothing != STDERR_FILENO) {
    dup2(nothing, STDERR_FILENO);
    close(nothing);
  }
}

Diagnostics::~Diagnostics() {
  if (progress_shown_) Write("\n");
}

void Diagnostics::Say(Level level, std::string_view text) {
  if (!Wants(level)) return;
  Write(absl::StrCat(progress_shown_.exchange(false) ? "\n" : "",
                     "tcptool: ", View(text), "\n"));
}

void Diagnostics::SayProgress(std::string_view text) {
  if (!Wants(Level::kProgress)) return;
  if (isatty(STDERR_FILENO)) {
    progress_shown_ = true;
    // To the line's start, and clear it (ECMA-48, EL).
    Write(absl::StrCat("\r\x1b[Ktcptool: ", View(text)));
  } else {
    Write(absl::StrCat("tcptool: ", View(text), "\n"));
  }
}

}  // namespace tcptool::client
