// One piece at a time between a producer and a reception.
#include "dataplane/receiving/pushed_content.h"

#include <gtest/gtest.h>

#include <string>

namespace tcptool::dataplane {
namespace {

TEST(PushedContent, HasOneProducer) {
  PushedContent content;
  EXPECT_FALSE(content.has_begun());
  EXPECT_TRUE(content.Begin());
  EXPECT_FALSE(content.Begin());
  EXPECT_TRUE(content.has_begun());
}

TEST(PushedContent, HasRoomForOnePieceUntilItIsTaken) {
  PushedContent content;
  int changes = 0;
  content.SetOnChange([&changes] { ++changes; });
  EXPECT_TRUE(content.HasRoom());
  content.Push("a");
  EXPECT_FALSE(content.HasRoom());
  EXPECT_EQ(content.TakeNext().piece, "a");
  EXPECT_FALSE(content.HasRoom());
  EXPECT_EQ(content.TakeNext().piece, "");
  content.Taken();
  EXPECT_EQ(changes, 1);
  // Nobody has asked since.
  content.Push("b");
  EXPECT_EQ(content.TakeNext().piece, "b");
  content.Taken();
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(content.HasRoom());
}

TEST(PushedContent, EndsBehindWhatWasPushed) {
  PushedContent content;
  content.Push("a");
  content.End();
  PushedContent::Next next = content.TakeNext();
  EXPECT_EQ(next.piece, "a");
  EXPECT_FALSE(next.is_end);
  EXPECT_FALSE(content.TakeNext().is_end);
  content.Taken();
  EXPECT_TRUE(content.TakeNext().is_end);
}

TEST(PushedContent, AFailureComesBeforeWhatWasPushed) {
  PushedContent content;
  content.Push("a");
  content.Fail(absl::CancelledError("gone"));
  content.Fail(absl::CancelledError("gone again"));
  EXPECT_EQ(content.failure().message(), "gone");
  const PushedContent::Next next = content.TakeNext();
  EXPECT_EQ(next.failure.message(), "gone");
  EXPECT_EQ(next.piece, "");
}

TEST(PushedContent, WakesWhoeverTakes) {
  PushedContent content;
  int woken = 0;
  EXPECT_TRUE(content.Attach([&woken] { ++woken; }));
  EXPECT_EQ(woken, 1) << "There may be something already.";
  content.Push("a");
  EXPECT_EQ(woken, 2);
  content.End();
  EXPECT_EQ(woken, 3);
  content.Detach();
  content.Fail(absl::CancelledError("gone"));
  EXPECT_EQ(woken, 3);
}

TEST(PushedContent, IsTakenByOneOnly) {
  PushedContent content;
  int woken = 0;
  ASSERT_TRUE(content.Attach([] {}));
  content.Detach();
  EXPECT_FALSE(content.Attach([&woken] { ++woken; }));
  content.Push("a");
  EXPECT_EQ(woken, 0);
}

TEST(PushedContent, TellsTheFirstResult) {
  PushedContent content;
  int changes = 0;
  content.SetOnChange([&changes] { ++changes; });
  EXPECT_FALSE(content.result());
  content.Finish(absl::AbortedError("over"));
  content.Finish(absl::OkStatus());
  ASSERT_TRUE(content.result());
  EXPECT_EQ(content.result()->message(), "over");
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace tcptool::dataplane
