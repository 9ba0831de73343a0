// Events that others can cause as often as they like, in few lines of the log.
#ifndef TCPTOOL_SERVER_BASE_LOG_THROTTLE_H_
#define TCPTOOL_SERVER_BASE_LOG_THROTTLE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/log.h"

namespace tcptool::server {

// Writes at most one line in an interval: the fields of the last event, and how
// many there were since the line before, in the field "count". The first of a
// quiet time is written at once. Any thread may call any method.
class LogThrottle {
 public:
  // `event`: the name of the lines.
  explicit LogThrottle(std::string event, std::chrono::milliseconds interval =
                                              std::chrono::seconds(1));
  // Writes what has not been written.
  ~LogThrottle();

  // Never waits for the log.
  void Warn(LogFields fields);

 private:
  void Run(const std::stop_token& stop);

  const std::string event_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int64_t count_ = 0;  // Not written yet.
  std::vector<std::pair<std::string, std::string>> last_;
  std::jthread thread_;  // After what it uses.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_LOG_THROTTLE_H_
