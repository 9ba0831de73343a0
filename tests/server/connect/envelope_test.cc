#include "server/connect/envelope.h"

#include <gtest/gtest.h>

#include <string>

namespace tcptool::server {
namespace {

using std::string_literals::operator""s;

TEST(EnvelopeTest, HasFlagsAndALengthInFourBytes) {
  EXPECT_EQ(Envelope("abc"), "\0\0\0\0\3abc"s);
  EXPECT_EQ(Envelope(""), "\0\0\0\0\0"s);
  EXPECT_EQ(Envelope(std::string(0x10203, 'x')).substr(0, 5), "\0\0\1\2\3"s);
  EXPECT_EQ(EndEnvelope("{}"), "\2\0\0\0\2{}"s);
}

TEST(OnlyMessageTest, IsWhatAnEnvelopeHas) {
  for (const std::string& message : {""s, "abc"s, std::string(70'000, 'x')}) {
    const std::string body = Envelope(message);
    const auto found = OnlyMessage(body);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(*found, message);
  }
}

TEST(OnlyMessageTest, RefusesWhatIsNotOneMessage) {
  EXPECT_EQ(OnlyMessage("").status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(OnlyMessage(Envelope("a") + Envelope("b")).status().code(),
            absl::StatusCode::kUnimplemented);
  const std::string whole = Envelope("abc");
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(OnlyMessage(whole.substr(0, size)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
  // It says that it is 4 GiB long.
  EXPECT_EQ(OnlyMessage("\0\xff\xff\xff\xff"
                        "abc"s)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  // Compressed; the end of a stream.
  for (const char flags : {'\1', '\2', '\x80'}) {
    EXPECT_EQ(OnlyMessage(flags + "\0\0\0\1a"s).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace tcptool::server
