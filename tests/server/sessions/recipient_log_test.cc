#include "server/sessions/recipient_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

constexpr int kRecipients = 10'000;

class RecipientLogTest : public testing::Test {
 protected:
  // Once in a process, as it may be.
  static void SetUpTestSuite() { SetUpLog({.json = true}); }

  static std::vector<std::string> LinesOf(
      const dataplane::RecipientStatus& recipient) {
    testing::internal::CaptureStderr();
    RecipientLog log;
    v1::Recipient shown;
    for (int i = 0; i < kRecipients; ++i) {
      shown.set_name(absl::StrCat("sessions/s/recipients/", i));
      shown.set_address(absl::StrCat("192.0.2.1:", i));
      log.Add("sessions/s", recipient, shown);
    }
    log.Flush();
    log.Flush();
    FlushLog();
    return absl::StrSplit(testing::internal::GetCapturedStderr(), '\n',
                          absl::SkipEmpty());
  }
};

TEST_F(RecipientLogTest, CountsStrangersThatItDoesNotTellOneByOne) {
  const std::vector<std::string> lines =
      LinesOf({.attempt = 1,
               .state = dataplane::RecipientState::kFailed,
               .reason = dataplane::Reason::kHandshakeClosed});
  // One that is told, and one for each second that the loop has taken.
  ASSERT_GE(lines.size(), 2);
  EXPECT_LT(lines.size(), kRecipients / 100);
  EXPECT_TRUE(absl::StrContains(lines.front(), "\"recipient_ended\""));
  EXPECT_TRUE(absl::StrContains(lines.front(), "HANDSHAKE_CLOSED"));
  EXPECT_TRUE(absl::StrContains(lines.front(), "192.0.2.1:0\""));
  EXPECT_TRUE(absl::StrContains(lines.back(), "\"recipients_ended\""));
  EXPECT_TRUE(absl::StrContains(lines.back(), "192.0.2.1:9999\""));
}

TEST_F(RecipientLogTest, TellsMoreOfThoseThatWereReady) {
  const std::vector<std::string> lines =
      LinesOf({.attempt = 1,
               .state = dataplane::RecipientState::kDelivered,
               .handshake_time = absl::Seconds(1)});
  EXPECT_GT(lines.size(), 100);
  EXPECT_LT(lines.size(), kRecipients);
  EXPECT_TRUE(absl::StrContains(lines[99], "recipients/99\""));
  EXPECT_TRUE(absl::StrContains(lines.back(), "\"recipients_ended\""));
}

TEST_F(RecipientLogTest, TellsOfExpectedOnesThatNeverConnectedAsOfOthers) {
  EXPECT_GT(LinesOf({.state = dataplane::RecipientState::kDropped}).size(),
            100);
}

}  // namespace
}  // namespace tcptool::server
