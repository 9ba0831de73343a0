// A function that is called again and again.
#ifndef TCPTOOL_SERVER_BASE_REPEATING_TIMER_H_
#define TCPTOOL_SERVER_BASE_REPEATING_TIMER_H_

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <system_error>
#include <utility>

namespace tcptool::server {

// Lives on the one thread of its executor, which runs nothing of it any more
// when it goes.
class RepeatingTimer {
 public:
  RepeatingTimer(const asio::any_io_executor& executor,
                 std::chrono::milliseconds interval,
                 std::function<void()> function)
      : timer_(executor), interval_(interval), function_(std::move(function)) {}

  // Calls the function, and does so again after each interval.
  void Run() {
    function_();
    timer_.expires_after(interval_);
    timer_.async_wait([this](std::error_code) {
      // One that is due cannot be cancelled any more.
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
