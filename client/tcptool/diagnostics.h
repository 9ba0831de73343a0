// Messages to the user, by level.
#ifndef TCPTOOL_CLIENT_TCPTOOL_DIAGNOSTICS_H_
#define TCPTOOL_CLIENT_TCPTOOL_DIAGNOSTICS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "text/line_writer.h"

namespace tcptool::client {

// The levels of `-d`; each includes those before it.
enum class Level : uint8_t {
  kNone,
  kError,
  kWarning,
  kInfo,
  kProgress,
  kDebug,
};

// Only the first letter counts: "e", "error" and "eek" are kError. None for any
// other letter.
std::optional<Level> ParseLevel(std::string_view text);

// Writes to standard error, on a thread of its own: where nobody reads it, as
// with a stopped terminal or a full pipe, nothing else waits, and what a queue
// of 1 MiB does not hold is dropped and counted. Any thread may call any
// method.
class Diagnostics {
 public:
  // Where standard error is closed, what is said is lost: no file that is
  // opened later takes its place.
  Diagnostics();
  // Ends a line of progress that is on the screen, and does what Flush() does.
  ~Diagnostics();

  void set_level(Level level) { level_ = level; }
  bool Wants(Level level) const { return level <= level_; }

  // Whether standard error is a terminal on which a line can be drawn again;
  // see text/terminal.h.
  bool redraws() const { return redraws_; }

  // A line, `tcptool: TEXT`, if the level is wanted. Ends a line of progress
  // that is on the screen.
  void Say(Level level, std::string_view text);

  // A line of progress: on a terminal it replaces the one before, and is cut to
  // the terminal's width.
  void SayProgress(std::string_view text);

  // Waits until all that was said is written, or until nothing has been read
  // for `patience`. Call it before _exit(), which destroys nothing.
  void Flush(std::chrono::milliseconds patience = std::chrono::seconds(1)) {
    writer_.Flush(patience);
  }

 private:
  std::atomic<Level> level_{Level::kInfo};
  const bool redraws_;
  std::atomic<bool> progress_shown_{false};
  LineWriter writer_;
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_DIAGNOSTICS_H_
