#include "server/base/log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace tcptool::server {
namespace {

TEST(JsonStringTest, KeepsUnicodeAndEscapesWhatMustBe) {
  EXPECT_EQ(JsonString(""), R"("")");
  EXPECT_EQ(JsonString("a b=c"), R"("a b=c")");
  EXPECT_EQ(JsonString("\"\\/"), R"("\"\\/")");
  EXPECT_EQ(JsonString(absl::string_view("\n\0\x1b\x7f", 4)),
            R"("\u000a\u0000\u001b\u007f")");
  // 2, 3 and 4 bytes, and the last character of Unicode.
  for (const char* text : {"\u00e4", "\u20ac", "\U0001f4be", "\U0010ffff"}) {
    EXPECT_EQ(JsonString(text), absl::StrCat("\"", text, "\""));
  }
}

TEST(JsonStringTest, EscapesWhatSteersATerminalOrReordersALine) {
  EXPECT_EQ(JsonString("\u009b2J"), R"("\u009b2J")");
  EXPECT_EQ(JsonString("a\u202eb\u2066"), R"("a\u202eb\u2066")");
  EXPECT_EQ(JsonString("\u2028\u200b\ufeff"), R"("\u2028\u200b\ufeff")");
  // A format character beyond U+FFFF.
  EXPECT_EQ(JsonString("\U000e0001"), R"("\udb40\udc01")");
}

TEST(JsonStringTest, ReplacesEachByteThatIsNoUtf8) {
  EXPECT_EQ(JsonString("a\x80z"), R"("a\ufffdz")");
  EXPECT_EQ(JsonString("\xff\xfe"), R"("\ufffd\ufffd")");
  // Cut short, at the end and by another character.
  EXPECT_EQ(JsonString("\xe2\x82"), R"("\ufffd\ufffd")");
  EXPECT_EQ(JsonString("\xe2\x82\""), R"("\ufffd\ufffd\"")");
  // Overlong: a quote and a slash in disguise.
  EXPECT_EQ(JsonString("\xc0\xa2"), R"("\ufffd\ufffd")");
  EXPECT_EQ(JsonString("\xe0\x80\xaf"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(JsonString("\xf0\x80\x80\xaf"), R"("\ufffd\ufffd\ufffd\ufffd")");
  // A surrogate, and one beyond the last character.
  EXPECT_EQ(JsonString("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(JsonString("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
}

class LogTest : public testing::Test {
 protected:
  // Once in a process: threads may log by it until the end.
  static void SetUpTestSuite() { SetUpLog({}); }
};

TEST_F(LogTest, GrpcHasALineASecond) {
  testing::internal::CaptureStderr();
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // As grpc_init() does.
  for (int i = 0; i < 10'000; ++i) gpr_log(GPR_ERROR, "what a peer does");
  FlushLog();
  const std::string log = testing::internal::GetCapturedStderr();
  const auto lines = std::ranges::count(log, '\n');
  EXPECT_GE(lines, 1);
  // However slow the machine is, it is a minute at most.
  EXPECT_LE(lines, 60);
}

TEST_F(LogTest, ProtobufHasALineASecond) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 10'000; ++i) {
    GOOGLE_LOG(ERROR) << "what a peer sends";
  }
  FlushLog();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find(" protobuf message=\"what a peer sends\""),
            std::string::npos)
      << log.substr(0, 1000);
  // However slow the machine is, it is a minute at most.
  EXPECT_LE(std::ranges::count(log, '\n'), 60);
}

}  // namespace
}  // namespace tcptool::server
