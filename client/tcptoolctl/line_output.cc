#include "client/tcptoolctl/line_output.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tcptool {
namespace {

// Of the output that there is, for the handler of signals.
std::atomic<int> the_told = -1;
static_assert(std::atomic<int>::is_always_lock_free);

void OnEnd(int) {
  const int error = errno;
  eventfd_write(the_told, 1);
  errno = error;
}

}  // namespace

LineOutput::LineOutput(int fd)
    : fd_(fd), told_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  the_told = told_;
  Handle(SIGPIPE, SIG_IGN, 0);
  // Without an eventfd nothing could tell the output, and they do what they do.
  if (told_ < 0) return;
  for (const int signal : {SIGINT, SIGTERM}) {
    // A shell starts a script's background jobs with SIGINT ignored.
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) Handle(signal, OnEnd, SA_RESETHAND);
  }
  waiting_ = std::jthread([this] { Wait(); });
}

LineOutput::~LineOutput() {
  for (const Handled& one : handled_) {
    sigaction(one.signal, &one.before, nullptr);
  }
  if (told_ < 0) return;
  eventfd_write(told_, 1);
  waiting_.join();
  close(told_);
}

void LineOutput::Handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags | SA_RESTART;
  Handled handled{.signal = signal, .before = {}};
  sigaction(signal, &action, &handled.before);
  handled_.push_back(handled);
}

void LineOutput::Wait() {
  // Without events: that the other end of a pipe is closed is told always.
  pollfd ends[] = {{.fd = told_, .events = POLLIN, .revents = 0},
                   {.fd = fd_, .events = 0, .revents = 0}};
  while (true) {
    if (poll(ends, 2, -1) < 0) continue;
    if ((ends[0].revents | (ends[1].revents & (POLLERR | POLLHUP))) != 0) {
      break;
    }
    ends[1].fd = -1;  // Nothing can be written there: Write() says so.
  }
  stop_.request_stop();
}

absl::Status LineOutput::Write(absl::string_view line) {
  while (!line.empty()) {
    pollfd both[] = {{.fd = told_, .events = POLLIN, .revents = 0},
                     {.fd = fd_, .events = POLLOUT, .revents = 0}};
    if (poll(both, 2, -1) < 0) continue;
    if (both[0].revents != 0) return absl::OkStatus();
    // A pipe that is writable takes as much without waiting.
    const ssize_t written =
        write(fd_, line.data(), std::min<size_t>(line.size(), PIPE_BUF));
    if (written >= 0) {
      line.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      stop_.request_stop();
      return absl::OkStatus();
    } else if (errno != EINTR && errno != EAGAIN) {
      return absl::UnknownError(
          absl::StrCat("cannot write standard output: ", std::strerror(errno)));
    }
  }
  return absl::OkStatus();
}

}  // namespace tcptool
