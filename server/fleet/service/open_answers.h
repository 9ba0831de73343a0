// Calls that have not been answered yet.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_OPEN_ANSWERS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_OPEN_ANSWERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tcptool::fleet {

// Each is answered once: by whoever carries it out, or by EndAll(). Not
// thread-safe.
class OpenAnswers {
 public:
  // Calls `done` the first time that it is called, unless EndAll() has.
  template <typename Response>
  std::function<void(absl::StatusOr<Response>)> Add(
      std::function<void(absl::StatusOr<Response>)> done) {
    const int64_t number = ++last_;
    open_->emplace(number,
                   [done](const absl::Status& status) { done(status); });
    return [open = open_, number,
            done = std::move(done)](absl::StatusOr<Response> response) {
      if (open->erase(number) > 0) done(std::move(response));
    };
  }

  void EndAll(const absl::Status& status) {
    for (const auto& [number, end] : std::exchange(*open_, {})) end(status);
  }

 private:
  using Open = std::map<int64_t, std::function<void(const absl::Status&)>>;

  int64_t last_ = 0;
  const std::shared_ptr<Open> open_ = std::make_shared<Open>();
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_OPEN_ANSWERS_H_
