// Up to which revision of etcd's a node has seen what its fleet has.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_SEEN_REVISIONS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_SEEN_REVISIONS_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>

namespace tcptool::fleet {

// A client that has changed something is to find it so: its answer waits until
// the watch has told of the change. All is on the thread of `executor`.
class SeenRevisions {
 public:
  // For longer nothing waits: etcd may be away by then, and a revision at which
  // only another fleet has changed is not told of.
  static constexpr std::chrono::seconds kLongest{2};

  explicit SeenRevisions(const asio::any_io_executor& executor)
      : executor_(executor) {}

  // Calls `then`, at once if it was seen.
  void When(int64_t revision, std::function<void()> then);
  bool is_awaited() const { return !waits_.empty(); }

  // Everything up to it has been seen. It is lower than before if etcd has gone
  // back, as it was restored from an older backup.
  void See(int64_t revision);
  // Calls none that waits.
  void Stop() { waits_.clear(); }

 private:
  struct Wait;

  const asio::any_io_executor executor_;
  int64_t seen_ = 0;
  std::list<std::shared_ptr<Wait>> waits_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_SEEN_REVISIONS_H_
