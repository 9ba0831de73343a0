// The terminal that a table is drawn on.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_SCREEN_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_SCREEN_H_

#include <csignal>
#include <cstddef>
#include <string>
#include <vector>

namespace tcptool {

// In characters.
struct TerminalSize {
  size_t rows;
  size_t columns;
};

// 24 rows of 80 where the terminal does not say.
TerminalSize SizeOfTerminal(int fd);

// How many columns there are for a line that is written to `fd`: as many as it
// takes where that is no terminal.
size_t ColumnsOf(int fd);

// Lines that are drawn again in the same place, below what the terminal shows
// already, with the cursor hidden: until the destructor, or until a signal ends
// or stops the process, shows it again. What is drawn last stays. One at a time
// in a process. Not for several threads.
class Screen {
 public:
  // `fd` is a terminal (CanRedraw()). `changed` is an eventfd(2), to which 1 is
  // added when the terminal has another size, or when the process goes on after
  // it was stopped (SIGTSTP): draw again then. Both outlive the screen.
  Screen(int fd, int changed);
  ~Screen();

  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  TerminalSize size() const { return SizeOfTerminal(fd_); }

  // Draws `lines`, of which there is one at least, by one write(2), in place of
  // those before. What is wider than the terminal is cut off; there have to be
  // fewer lines than it has rows, unless it has one row: the first line is
  // drawn there.
  void Draw(const std::vector<std::string>& lines);

 private:
  struct Handled {
    int signal;
    struct sigaction before;
  };

  void Handle(int signal, void (*handler)(int), int flags);
  void Write(const std::string& text) const;

  const int fd_;
  std::vector<Handled> handled_;
  std::vector<std::string> drawn_;
  TerminalSize drawn_size_{};
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_SCREEN_H_
