// The signals that end tcptool.
#ifndef TCPTOOL_CLIENT_TCPTOOL_TERMINATION_H_
#define TCPTOOL_CLIENT_TCPTOOL_TERMINATION_H_

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>

namespace tcptool::client {

// Blocks SIGTERM and SIGINT in this thread, and in those that it starts from
// now on, so that sigwait(3) gets them. Not SIGINT if it is ignored: a shell
// starts a script's background jobs like this, which the terminal's Ctrl-C is
// not for.
sigset_t BlockTermination();

// While it lives, SIGTERM and SIGINT end the process with status 1, whatever
// its threads wait for. Create it before the threads that it is to end.
class ExitOnTermination {
 public:
  // `say` is called first, on a thread of its own. It writes all that is to be
  // written: the process ends by _exit().
  explicit ExitOnTermination(std::function<void()> say);
  // As Disarm().
  ~ExitOnTermination() { Disarm(); }

  ExitOnTermination(const ExitOnTermination&) = delete;
  ExitOnTermination& operator=(const ExitOnTermination&) = delete;

  // Signals have no effect from now on. Does not return if one has come before:
  // the process is about to end then.
  void Disarm();

 private:
  enum class State : uint8_t { kArmed, kSignalled, kDisarmed };
  // Shared with a thread that outlives this.
  std::shared_ptr<std::atomic<State>> state_ =
      std::make_shared<std::atomic<State>>(State::kArmed);
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_TERMINATION_H_
