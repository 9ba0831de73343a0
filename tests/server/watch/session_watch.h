// A watch of sessions, as WatchSessions has one.
#ifndef TCPTOOL_TESTS_SERVER_WATCH_SESSION_WATCH_H_
#define TCPTOOL_TESTS_SERVER_WATCH_SESSION_WATCH_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "server/watch/session_table.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// A watch that takes `limit` changes at a time.
class Watch {
 public:
  explicit Watch(const SessionTable& table, SessionTable::Filter filter = {})
      : table_(table), filter_(std::move(filter)), cursor_(*table.Begin(0)) {}

  std::vector<v1::Change> Next(size_t limit = 1000) {
    v1::WatchSessionsResponse response;
    const auto more = table_.Next(filter_, cursor_, limit, response);
    EXPECT_TRUE(more.ok()) << more.status();
    more_ = more.ok() && *more;
    EXPECT_EQ(response.revision(), cursor_.revision);
    return {response.changes().begin(), response.changes().end()};
  }
  // Everything that there is now.
  std::vector<v1::Change> All(size_t limit = 1000) {
    std::vector<v1::Change> all;
    do {
      for (auto& change : Next(limit)) all.push_back(std::move(change));
    } while (more_);
    return all;
  }
  int64_t revision() const { return cursor_.revision; }

 private:
  const SessionTable& table_;
  const SessionTable::Filter filter_;
  SessionTable::Cursor cursor_;
  bool more_ = true;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_WATCH_SESSION_WATCH_H_
