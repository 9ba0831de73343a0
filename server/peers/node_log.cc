#include "server/peers/node_log.h"

#include "server/base/log.h"

namespace tcptool::server {

void NodeLog::Add(absl::string_view content, absl::string_view node,
                  const std::string& address, int64_t offset) {
  absl::MutexLock lock(&mutex_);
  if (!limit_.Allows()) {
    last_node_ = std::string(node);
    return;
  }
  LogInfo("node_connected", {{"content", content},
                             {"node", node},
                             {"address", address},
                             {"offset", offset}});
}

void NodeLog::Flush() {
  absl::MutexLock lock(&mutex_);
  const uint64_t untold = limit_.TakeUntold();
  if (untold == 0) return;
  LogInfo("nodes_connected", {{"count", untold}, {"last_node", last_node_}});
}

}  // namespace tcptool::server
