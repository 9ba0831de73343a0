#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/log.h"
#include "server/security/audit.h"

namespace tcptool::server {
namespace {

class RefusalLogTest : public testing::Test {
 protected:
  // Once in a process, as it may be.
  static void SetUpTestSuite() { SetUpLog({.json = true}); }
};

TEST_F(RefusalLogTest, CountsWhatItDoesNotTellOneByOne) {
  testing::internal::CaptureStderr();
  RefusalLog log;
  constexpr int kCalls = 1000;
  for (int i = 0; i < kCalls; ++i) {
    log.Add("unknown", absl::StrCat("ipv4:192.0.2.1:", i), "/x",
            absl::UnauthenticatedError("no token"));
  }
  log.Flush();
  log.Flush();
  FlushLog();
  const std::string text = testing::internal::GetCapturedStderr();
  const std::vector<std::string> lines =
      absl::StrSplit(text, '\n', absl::SkipEmpty());
  // One that is told, and one for each second that the loop has taken.
  ASSERT_GE(lines.size(), 2);
  EXPECT_NE(lines.front().find("\"call_refused\""), std::string::npos);
  EXPECT_NE(lines.front().find("ipv4:192.0.2.1:0"), std::string::npos);
  EXPECT_NE(lines.back().find("\"calls_refused\""), std::string::npos);
  EXPECT_NE(lines.back().find("ipv4:192.0.2.1:999"), std::string::npos);
  EXPECT_LT(lines.size(), kCalls / 10);
}

TEST_F(RefusalLogTest, CutsWhatAPeerChose) {
  testing::internal::CaptureStderr();
  RefusalLog().Add("unknown", "peer", std::string(100'000, 'm'),
                   absl::NotFoundError(std::string(100'000, 'd')));
  FlushLog();
  EXPECT_LT(testing::internal::GetCapturedStderr().size(), 1500);
}

}  // namespace
}  // namespace tcptool::server
