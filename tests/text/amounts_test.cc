#include "text/amounts.h"

#include <gtest/gtest.h>

#include <limits>

namespace tcptool {
namespace {

TEST(HumanBytesTest, HasOneDecimalFromAKibibyteOn) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1024), "1.0 KiB");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(int64_t{5} << 30), "5.0 GiB");
  EXPECT_EQ(HumanBytes(std::numeric_limits<int64_t>::max()), "8.0 EiB");
}

TEST(HumanBytesTest, NeverShowsAThousandAndTwentyFourOfAUnit) {
  EXPECT_EQ(HumanBytes((int64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(HumanBytes((int64_t{1} << 30) - 1), "1.0 GiB");
}

TEST(HumanDurationTest, ShowsTheTwoLargestUnits) {
  EXPECT_EQ(HumanDuration(absl::Milliseconds(900)), "0s");
  EXPECT_EQ(HumanDuration(absl::Seconds(59)), "59s");
  EXPECT_EQ(HumanDuration(absl::Seconds(245)), "4m05s");
  EXPECT_EQ(HumanDuration(absl::Hours(2)), "2h00m");
  EXPECT_EQ(HumanDuration(absl::Hours(76)), "3d04h");
}

}  // namespace
}  // namespace tcptool
