#include "messages/delivery_progress.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

namespace tcptool {
namespace {

constexpr int64_t kMiB = 1 << 20;

v1::Delivery Receiving(int64_t bytes, int64_t bytes_per_second) {
  v1::Delivery delivery;
  delivery.set_bytes_received(bytes);
  delivery.set_bytes_per_second(bytes_per_second);
  return delivery;
}

v1::Distribution OfLength(int64_t length) {
  v1::Distribution distribution;
  distribution.set_content_length(length);
  return distribution;
}

std::string TextOf(const v1::Delivery& delivery,
                   const v1::Distribution& distribution) {
  return ProgressText(ProgressTextsOf(delivery, distribution));
}

TEST(DeliveryProgressTest, SaysWhatIsKnown) {
  EXPECT_EQ(TextOf(Receiving(3 * kMiB, 2 * kMiB), OfLength(8 * kMiB)),
            "37%, 2.0 MiB/s, 3s left");
  EXPECT_EQ(TextOf(Receiving(3 * kMiB, 0), OfLength(8 * kMiB)), "37%");
  EXPECT_EQ(TextOf(Receiving(3 * kMiB, 2 * kMiB), {}), "3.0 MiB, 2.0 MiB/s");
  EXPECT_EQ(TextOf(Receiving(0, 0), {}), "0 B");
  EXPECT_EQ(TextOf({}, OfLength(8 * kMiB)), "");
}

TEST(DeliveryProgressTest, NothingIsLeftOfTheWhole) {
  EXPECT_EQ(TextOf(Receiving(8 * kMiB, kMiB), OfLength(8 * kMiB)),
            "100%, 1.0 MiB/s");
  EXPECT_EQ(TextOf(Receiving(9 * kMiB, 0), OfLength(8 * kMiB)), "100%");
  EXPECT_EQ(TextOf(Receiving(0, 0), OfLength(0)), "0 B");
}

TEST(DeliveryProgressTest, SaysTheSameInNumbers) {
  const ProgressNumbers some =
      ProgressNumbersOf(Receiving(3 * kMiB, 2 * kMiB), OfLength(8 * kMiB));
  EXPECT_EQ(some.percent_done, 37);
  EXPECT_EQ(some.seconds_left, 3);
  const ProgressNumbers still =
      ProgressNumbersOf(Receiving(3 * kMiB, 0), OfLength(8 * kMiB));
  EXPECT_EQ(still.percent_done, 37);
  EXPECT_EQ(still.seconds_left, std::nullopt);
  const ProgressNumbers all =
      ProgressNumbersOf(Receiving(8 * kMiB, kMiB), OfLength(8 * kMiB));
  EXPECT_EQ(all.percent_done, 100);
  EXPECT_EQ(all.seconds_left, std::nullopt);
  for (const ProgressNumbers& none :
       {ProgressNumbersOf(Receiving(kMiB, kMiB), {}),
        ProgressNumbersOf({}, OfLength(8 * kMiB))}) {
    EXPECT_EQ(none.percent_done, std::nullopt);
    EXPECT_EQ(none.seconds_left, std::nullopt);
  }
}

TEST(ProgressSumTest, SumsThoseOfWhichItIsKnown) {
  const v1::Distribution distribution = OfLength(8 * kMiB);
  ProgressSum sum;
  sum.Add({}, distribution);
  EXPECT_TRUE(sum.empty());
  EXPECT_EQ(ProgressText(sum.Progress(distribution)), "");
  sum.Add(Receiving(2 * kMiB, kMiB), distribution);
  sum.Add(Receiving(6 * kMiB, kMiB), distribution);
  EXPECT_FALSE(sum.empty());
  EXPECT_EQ(ProgressText(sum.Progress(distribution)),
            "50%, 2.0 MiB/s, 6s left");
  ProgressSum both;
  both.Add(sum);
  both.Add(sum);
  EXPECT_EQ(ProgressText(both.Progress(distribution)),
            "50%, 4.0 MiB/s, 6s left");
  EXPECT_EQ(ProgressText(sum.Progress({})), "8.0 MiB, 2.0 MiB/s, 6s left");
}

TEST(OverallProgressTest, CountsWhoHasItAndWhoWaits) {
  v1::Distribution distribution = OfLength(8 * kMiB);
  distribution.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  v1::Delivery has;
  has.set_state(v1::DELIVERY_STATE_DELIVERED);
  v1::Delivery waits;
  waits.set_state(v1::DELIVERY_STATE_WAITING);
  OverallProgress progress(distribution);
  progress.Add(has);
  progress.Add(waits);
  // Nodes of an earlier release do not say how far they are.
  EXPECT_EQ(ProgressText(progress.Progress()), "");
  progress.Add(Receiving(2 * kMiB, kMiB));
  progress.Add(Receiving(6 * kMiB, kMiB));
  EXPECT_EQ(ProgressText(progress.Progress()), "50%, 2.0 MiB/s, 6s left");
  distribution.set_state(v1::DISTRIBUTION_STATE_CANCELLED);
  EXPECT_EQ(ProgressText(progress.Progress()), "");
  distribution.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  distribution.clear_content_length();
  EXPECT_EQ(ProgressText(progress.Progress()), "");
}

}  // namespace
}  // namespace tcptool
