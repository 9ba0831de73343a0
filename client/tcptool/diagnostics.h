// What tcptool has to say, and how much of it is wanted.
#ifndef TCPTOOL_CLIENT_TCPTOOL_DIAGNOSTICS_H_
#define TCPTOOL_CLIENT_TCPTOOL_DIAGNOSTICS_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tcptool::client {

// The debug levels of `-d`, each with those before it.
enum class Level : uint8_t {
  kNone,
  kError,
  kWarning,
  kInfo,
  kProgress,
  kDebug,
};

// By the first letter alone: "e", "error" and "eek" are kError. None for any
// other letter.
std::optional<Level> ParseLevel(std::string_view text);

// Writes to standard error. Any thread may call any method.
class Diagnostics {
 public:
  // Where standard error is closed, what is said is lost: no file that is
  // opened later takes its place.
  Diagnostics();
  // Ends a line of progress that is on the screen.
  ~Diagnostics();

  void set_level(Level level) { level_ = level; }
  bool Wants(Level level) const { return level <= level_; }

  // Whether standard error is a terminal on which a line can be drawn again.
  // Not if TERM is "dumb" or not set, or if NO_COLOR is set (no-color.org):
  // who reads such terminals, as screen readers do, wants plain lines.
  bool redraws() const { return redraws_; }

  // A line, `tcptool: TEXT`, if the level is wanted. Ends a line of progress
  // that is on the screen.
  void Say(Level level, std::string_view text);

  // A line of progress: in place of the one before where that can be, and no
  // longer than such a terminal is wide.
  void SayProgress(std::string_view text);

 private:
  std::atomic<Level> level_{Level::kInfo};
  const bool redraws_;
  std::atomic<bool> progress_shown_{false};
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_DIAGNOSTICS_H_
