#include "client/tcptoolctl/screen.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/tcptoolctl/redraw.h"
#include "text/characters.h"

namespace tcptool {
namespace {

// DECTCEM, of the VT220; a terminal that does not know it shows its cursor.
constexpr absl::string_view kHideCursor = "\x1b[?25l";
constexpr absl::string_view kShowCursor = "\x1b[?25h";
// The cursor to the first line, and all erased.
constexpr absl::string_view kClear = "\x1b[H\x1b[2J";

// Of the screen that there is, for the handlers of signals.
std::atomic<int> the_terminal = -1;
std::atomic<int> the_changed = -1;
std::atomic<bool> was_stopped = false;
static_assert(std::atomic<int>::is_always_lock_free);

void WriteFromHandler(absl::string_view text) {
  // A terminal that takes nothing, as after Ctrl-S, is not waited for.
  pollfd writable{.fd = the_terminal, .events = POLLOUT, .revents = 0};
  if (poll(&writable, 1, 0) != 1) return;
  [[maybe_unused]] const ssize_t written =
      write(the_terminal, text.data(), text.size());
}

void TellChange() { eventfd_write(the_changed, 1); }

void OnResize(int) {
  const int error = errno;
  TellChange();
  errno = error;
}

// SA_RESETHAND: what is raised does what the signal does by default.
void OnEnd(int signal) {
  WriteFromHandler(kShowCursor);
  raise(signal);
}

void OnStop(int) {
  const int error = errno;
  WriteFromHandler(kShowCursor);
  raise(SIGSTOP);
  WriteFromHandler(kHideCursor);
  was_stopped = true;
  TellChange();
  errno = error;
}

}  // namespace

TerminalSize SizeOfTerminal(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 ||
      size.ws_col == 0) {
    return {.rows = 24, .columns = 80};
  }
  return {.rows = size.ws_row, .columns = size.ws_col};
}

size_t ColumnsOf(int fd) {
  return isatty(fd) ? SizeOfTerminal(fd).columns
                    : std::numeric_limits<size_t>::max();
}

Screen::Screen(int fd, int changed) : fd_(fd) {
  the_terminal = fd;
  the_changed = changed;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    Handle(signal, OnEnd, SA_RESETHAND);
  }
  Handle(SIGTSTP, OnStop, SA_RESTART);
  Handle(SIGWINCH, OnResize, SA_RESTART);
  Write(std::string(kHideCursor));
}

Screen::~Screen() {
  // The only line there is stays, and what comes next is below.
  const bool is_behind = !drawn_.empty() && drawn_size_.rows == 1;
  Write(absl::StrCat(is_behind ? "\n" : "", kShowCursor));
  for (const Handled& handled : handled_) {
    sigaction(handled.signal, &handled.before, nullptr);
  }
}

void Screen::Handle(int signal, void (*handler)(int), int flags) {
  Handled handled{.signal = signal, .before = {}};
  sigaction(signal, nullptr, &handled.before);
  // Of a background job of a script: the terminal's keys are not for it.
  if (handled.before.sa_handler == SIG_IGN) return;
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
  handled_.push_back(handled);
}

void Screen::Draw(const std::vector<std::string>& lines) {
  const TerminalSize size = this->size();
  std::string text;
  // What the shell has printed meanwhile stays.
  if (was_stopped.exchange(false)) drawn_.clear();
  // The terminal may have wrapped what was drawn, or moved it.
  if (!drawn_.empty() &&
      (size.rows != drawn_size_.rows || size.columns != drawn_size_.columns)) {
    absl::StrAppend(&text, kClear);
    drawn_.clear();
  }
  std::vector<std::string> shown;
  shown.reserve(lines.size());
  for (const std::string& line : lines) {
    shown.emplace_back(Truncate(line, size.columns));
  }
  absl::StrAppend(&text, size.rows == 1
                             ? RedrawOnly(shown.front(), size.columns)
                             : Redraw(drawn_, shown, size.columns));
  drawn_ = std::move(shown);
  drawn_size_ = size;
  Write(text);
}

void Screen::Write(const std::string& text) const {
  absl::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
    if (written >= 0 || errno == EINTR) continue;
    // Somebody who shares the terminal has set O_NONBLOCK.
    pollfd writable{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (errno != EAGAIN || (poll(&writable, 1, -1) < 0 && errno != EINTR)) {
      return;  // It has gone; nobody sees what is drawn.
    }
  }
}

}  // namespace tcptool
