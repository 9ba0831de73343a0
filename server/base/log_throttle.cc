#include "server/base/log_throttle.h"

namespace tcptool::server {

LogThrottle::LogThrottle(std::string event, std::chrono::milliseconds interval)
    : event_(std::move(event)),
      interval_(interval),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

LogThrottle::~LogThrottle() {
  thread_.request_stop();
  thread_.join();
}

void LogThrottle::Warn(LogFields fields) {
  const std::lock_guard lock(mutex_);
  ++count_;
  last_.clear();
  for (const LogField& field : fields) {
    last_.emplace_back(field.name(), field.text());
  }
  changed_.notify_one();
}

void LogThrottle::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    // Asked to stop, it still writes what there is.
    changed_.wait(lock, stop, [this] { return count_ > 0; });
    if (count_ == 0) return;
    std::vector<LogField> fields;
    for (const auto& [name, text] : last_) fields.emplace_back(name, text);
    fields.emplace_back("count", count_);
    LogWarning(event_, fields);
    count_ = 0;
    changed_.wait_for(lock, stop, interval_, [] { return false; });
  }
}

}  // namespace tcptool::server
