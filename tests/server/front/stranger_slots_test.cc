#include "server/front/stranger_slots.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

using Share = StrangerSlots::Share;

TEST(StrangerSlotsTest, GivesEachSlotOnce) {
  StrangerSlots slots(2);
  Share one(slots, [] {});
  Share other(slots, [] {});
  EXPECT_TRUE(one.Take());
  EXPECT_TRUE(other.Take());
  EXPECT_FALSE(one.Take());
  EXPECT_EQ(one.taken(), 1);
}

TEST(StrangerSlotsTest, SetsASlotAsideForWhoWaitsTheLongest) {
  StrangerSlots slots(1);
  int told_first = 0;
  int told_second = 0;
  Share holder(slots, [] {});
  Share first(slots, [&] { ++told_first; });
  Share second(slots, [&] { ++told_second; });
  ASSERT_TRUE(holder.Take());
  EXPECT_FALSE(first.Take());
  EXPECT_FALSE(first.Take());  // Once more is no second place.
  EXPECT_FALSE(second.Take());
  holder.Release();
  EXPECT_EQ(told_first, 1);
  EXPECT_EQ(told_second, 0);
  EXPECT_FALSE(holder.Take());  // Behind the others.
  EXPECT_TRUE(first.Take());
  first.Release();
  EXPECT_EQ(told_first, 1);
  EXPECT_EQ(told_second, 1);
  EXPECT_TRUE(second.Take());
}

TEST(StrangerSlotsTest, PassesOnWhatALeaverHadOrWasToHave) {
  StrangerSlots slots(1);
  Share last(slots, [] {});
  {
    Share holder(slots, [] {});
    Share heir(slots, [] {});
    Share waiting(slots, [] {});
    ASSERT_TRUE(holder.Take());
    EXPECT_FALSE(heir.Take());
    EXPECT_FALSE(waiting.Take());
    EXPECT_FALSE(last.Take());
    holder.ReleaseAll();
    heir.ReleaseAll();  // Without having taken its slot.
  }                     // And so for one that is destroyed.
  EXPECT_TRUE(last.Take());
}

TEST(StrangerSlotsTest, CountsTheCallsThatTheServiceHas) {
  StrangerSlots slots(2);
  int told = 0;
  Share share(slots, [&] { ++told; });
  slots.BeginService();
  slots.BeginService();
  EXPECT_FALSE(share.Take());
  slots.HandOut();
  EXPECT_EQ(told, 0);
  slots.EndService();
  slots.HandOut();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(share.Take());
  EXPECT_FALSE(share.Take());
}

}  // namespace
}  // namespace tcptool::server
