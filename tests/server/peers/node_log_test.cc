#include "server/peers/node_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

constexpr int kNodes = 10'000;

TEST(NodeLogTest, CountsThoseThatItDoesNotTellOneByOne) {
  SetUpLog({.json = true});
  testing::internal::CaptureStderr();
  NodeLog log;
  for (int i = 0; i < kNodes; ++i) {
    log.Add("sessions/s", absl::StrCat("peer/", i), "192.0.2.1", 7);
  }
  log.Flush();
  log.Flush();
  FlushLog();
  const std::vector<std::string> lines = absl::StrSplit(
      testing::internal::GetCapturedStderr(), '\n', absl::SkipEmpty());
  // 100 for each second that the loop has taken, and the count.
  ASSERT_GT(lines.size(), 100);
  EXPECT_LT(lines.size(), kNodes);
  EXPECT_TRUE(absl::StrContains(lines[99], "\"node_connected\""));
  EXPECT_TRUE(absl::StrContains(lines[99], "\"peer/99\""));
  EXPECT_TRUE(absl::StrContains(lines.back(), "\"nodes_connected\""));
  EXPECT_TRUE(absl::StrContains(lines.back(), "\"last_node\":\"peer/"));
}

}  // namespace
}  // namespace tcptool::server
