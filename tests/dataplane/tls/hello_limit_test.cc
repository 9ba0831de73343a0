#include "dataplane/tls/hello_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace tcptool::dataplane {
namespace {

using std::string_literals::operator""s;

constexpr size_t kRecord = 16 << 10;

TEST(HelloLimitTest, AdmitsAClientHelloUpToTheLimit) {
  for (const std::string& header :
       {"\x01\x00\x02\x00"s, "\x01\x00\x40\x00"s, "\x01\x00\x00\x00"s}) {
    HelloLimit limit;
    limit.Expect(kRecord);
    EXPECT_TRUE(limit.Admits(header + "\x03\x03\xff\xff"));
    EXPECT_TRUE(limit.Admits(std::string(kRecord, '\xff')));
    EXPECT_FALSE(limit.exceeded());
  }
}

TEST(HelloLimitTest, AdmitsNoLargerOne) {
  for (const std::string& header :
       {"\x01\x00\x40\x01"s, "\x01\x01\xf4\x00"s, "\x01\xff\xff\xff"s}) {
    HelloLimit limit;
    limit.Expect(kRecord);
    EXPECT_FALSE(limit.Admits(header + "\x03\x03"));
    EXPECT_TRUE(limit.exceeded());
    EXPECT_FALSE(limit.Admits("x"));
  }
}

TEST(HelloLimitTest, AdmitsNoOtherMessage) {
  for (const std::string& header : {"\x00\x00\x00\x00"s, "\x0b\x00\x02\x00"s}) {
    HelloLimit limit;
    limit.Expect(kRecord);
    EXPECT_FALSE(limit.Admits(header));
  }
}

TEST(HelloLimitTest, SeesItInPiecesOfAnySize) {
  HelloLimit limit;
  limit.Expect(kRecord);
  for (const char byte : "\x01\x00\x40"s) {
    EXPECT_TRUE(limit.Admits(std::string(1, byte)));
  }
  EXPECT_TRUE(limit.Admits(""));
  EXPECT_FALSE(limit.Admits("\x01"));
}

TEST(HelloLimitTest, AdmitsNoRecordThatEndsBeforeItsLength) {
  for (const size_t bytes : {0, 1, 3}) {
    HelloLimit limit;
    limit.Expect(bytes);
    EXPECT_TRUE(limit.exceeded());
    EXPECT_FALSE(limit.Admits("\x01"));
  }
}

TEST(HelloLimitTest, AdmitsAllWhereNoneIsExpected) {
  HelloLimit limit;
  EXPECT_TRUE(limit.Admits("\x16\x03\x01\x40\x00"s));
  limit.Expect(4);
  EXPECT_TRUE(limit.Admits("\x01\x00\x02\x00"s));
  // The next record's header.
  EXPECT_TRUE(limit.Admits("\x16\x03\x03\x40\x00"s));
  limit.Expect(kRecord);
  EXPECT_FALSE(limit.Admits("\x01\x01\xf4\x00"s));
}

}  // namespace
}  // namespace tcptool::dataplane
