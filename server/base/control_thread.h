// The one thread that a manager's commands run on.
#ifndef TCPTOOL_SERVER_BASE_CONTROL_THREAD_H_
#define TCPTOOL_SERVER_BASE_CONTROL_THREAD_H_

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <future>
#include <utility>

namespace tcptool::server {

// Any thread may call any method.
class ControlThread {
 public:
  auto get_executor() { return thread_.get_executor(); }

  template <typename Task>
  void Post(Task task) {
    asio::post(thread_, std::move(task));
  }
  // The same, and blocks until it has run. Not on the thread itself.
  template <typename Task>
  void PostAndWait(Task task) {
    std::promise<void> done;
    Post([&task, &done] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Runs what was posted, and ends the thread.
  void Join() { thread_.join(); }

 private:
  asio::thread_pool thread_{1};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_CONTROL_THREAD_H_
