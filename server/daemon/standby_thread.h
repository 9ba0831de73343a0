// A thread for what has to run when no thread can be had any more.
#ifndef TCPTOOL_SERVER_DAEMON_STANDBY_THREAD_H_
#define TCPTOOL_SERVER_DAEMON_STANDBY_THREAD_H_

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

namespace tcptool::server {

// Starts its thread at once, which then waits for a task. Not thread-safe.
class StandbyThread {
 public:
  StandbyThread();
  // Ends the thread; one whose task still runs is left behind.
  ~StandbyThread();

  StandbyThread(const StandbyThread&) = delete;
  StandbyThread& operator=(const StandbyThread&) = delete;

  // Runs `task` on the thread, and waits until it has ended, for `limit` at
  // most. False: it still runs, and must own what it uses. Once.
  bool Run(std::function<void()> task, std::chrono::nanoseconds limit);

 private:
  struct State;

  static void Main(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_;
  std::thread thread_;  // Runs Main().
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_STANDBY_THREAD_H_
