// Tells the log which nodes come for contents.
#ifndef TCPTOOL_SERVER_PEERS_NODE_LOG_H_
#define TCPTOOL_SERVER_PEERS_NODE_LOG_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/base/event_limit.h"

namespace tcptool::server {

// A node may come and leave as often as it likes, so the log has 100 lines a
// second at most, with the number of those in between. Any thread may call any
// method.
class NodeLog {
 public:
  // `node`: who it is and the id of its reception; `offset`: the byte of the
  // content that it begins with.
  void Add(absl::string_view content, absl::string_view node,
           const std::string& address, int64_t offset);
  // Call it periodically, so that the last ones are told too.
  void Flush();

 private:
  absl::Mutex mutex_;
  EventLimit limit_ ABSL_GUARDED_BY(mutex_){100};
  // Of those not told one by one.
  std::string last_node_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_NODE_LOG_H_
