// Calls a function periodically.
#ifndef TCPTOOL_SERVER_BASE_REPEATING_TIMER_H_
#define TCPTOOL_SERVER_BASE_REPEATING_TIMER_H_

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <system_error>
#include <utility>

namespace tcptool::server {

// Not thread-safe: its methods and the function run on the executor's one
// thread. Destroy it only when the executor will run no handler of it any more:
// its io_context has stopped or run out of work.
class RepeatingTimer {
 public:
  RepeatingTimer(const asio::any_io_executor& executor,
                 std::chrono::milliseconds interval,
                 std::function<void()> function)
      : timer_(executor), interval_(interval), function_(std::move(function)) {}

  // Calls the function now, and then after each interval.
  void Run() {
    function_();
    timer_.expires_after(interval_);
    timer_.async_wait([this](std::error_code) {
      // Cancelling a timer does not remove a handler that is already queued.
      if (!stopped_) Run();
    });
  }

  void Stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  asio::steady_timer timer_;
  const std::chrono::milliseconds interval_;
  const std::function<void()> function_;
  bool stopped_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_REPEATING_TIMER_H_
