#include "client/tcptool/diagnostics.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "text/terminal.h"

namespace tcptool::client {
namespace {

absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

std::string Dropped(uint64_t count) {
  return absl::StrCat("tcptool: ", count,
                      " lines were dropped, as nobody read standard error.\n");
}

// A line that is wrapped could not be drawn again.
std::string_view CutToTerminal(std::string_view line) {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return line;
  }
  return line.substr(0, size.ws_col - 1);
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

Diagnostics::Diagnostics()
    : redraws_(CanRedraw(STDERR_FILENO)), writer_(STDERR_FILENO, Dropped) {}

Diagnostics::~Diagnostics() {
  if (progress_shown_) writer_.Write("\n");
}

void Diagnostics::Say(Level level, std::string_view text) {
  if (!Wants(level)) return;
  writer_.Write(absl::StrCat(progress_shown_.exchange(false) ? "\n" : "",
                             "tcptool: ", View(text), "\n"));
}

void Diagnostics::SayProgress(std::string_view text) {
  if (!Wants(Level::kProgress)) return;
  if (redraws_) {
    progress_shown_ = true;
    const std::string line = absl::StrCat("tcptool: ", View(text));
    // To the line's start, and clear it (ECMA-48, EL).
    writer_.Write(absl::StrCat("\r\x1b[K", View(CutToTerminal(line))));
  } else {
    writer_.Write(absl::StrCat("tcptool: ", View(text), "\n"));
  }
}

}  // namespace tcptool::client
