// Standard output of a command that goes on until somebody ends it.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_LINE_OUTPUT_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_LINE_OUTPUT_H_

#include <csignal>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tcptool {

// While it lives, SIGINT and SIGTERM do not end the process, but stop this
// output; a second one of them ends it. Nor does SIGPIPE: that nobody reads a
// pipe any more stops the output too, at once, also while nothing is written.
// SIGINT stays ignored if it was. One at a time in a process.
class LineOutput {
 public:
  // `fd` stays the caller's, and outlives this.
  explicit LineOutput(int fd);
  ~LineOutput();

  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  // Of the output's end. Any thread may look at it.
  std::stop_token stopped() const { return stop_.get_token(); }

  // Writes `line`, which has its end, without a buffer: by one write(2) if it
  // has at most PIPE_BUF (4 KiB) bytes. Waits for a reader that is slow, until
  // the output is stopped: the rest is not written then, which is OK. Not for
  // several threads.
  absl::Status Write(absl::string_view line);

 private:
  struct Handled {
    int signal;
    struct sigaction before;
  };

  void Handle(int signal, void (*handler)(int), int flags);
  // Until the output is stopped.
  void Wait();

  const int fd_;
  const int told_;  // An eventfd(2); readable for good when it is to end.
  std::vector<Handled> handled_;
  std::stop_source stop_;
  std::jthread waiting_;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_LINE_OUTPUT_H_
