// Whom a reception follows when it is given other nodes.
#include <optional>
#include <vector>

#include "tests/server/peers/parent_choices.h"

namespace tcptool::server {
namespace {

TEST_F(ParentChoiceTest, OtherNodesKeepWhatIsKnownOfThem) {
  Open(2);
  Serve();
  EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kFollow);
  EXPECT_EQ(choice_->current(), 1u);
  choice_->Replace({std::nullopt, 0, 1});
  EXPECT_EQ(choice_->current(), 2u);
  EXPECT_EQ(choice_->sender(), 1u);
  EXPECT_TRUE(choice_->has_lied(1));
  EXPECT_FALSE(choice_->has_lied(0));
  EXPECT_FALSE(choice_->has_lied(2));
  EXPECT_TRUE(choice_->prefers_other());
}

TEST_F(ParentChoiceTest, NodesOfAPlanStandInItsOrderAndThoseInUseBehind) {
  Open(3);
  Serve();
  Fail();
  EXPECT_EQ(choice_->current(), 1u);
  // The current one is in the plan, the sender is not.
  const auto places = choice_->Replace({2, 1, std::nullopt});
  std::vector<std::optional<size_t>> before;
  std::vector<std::optional<size_t>> in_plan;
  for (const ParentChoice::Place& place : places) {
    before.push_back(place.before);
    in_plan.push_back(place.in_plan);
  }
  const std::vector<std::optional<size_t>> in_order = {2, std::nullopt, 0, 1};
  EXPECT_EQ(before, in_order);
  EXPECT_EQ(in_plan,
            (std::vector<std::optional<size_t>>{0, 2, std::nullopt, 1}));
  EXPECT_EQ(choice_->current(), 3u);
  EXPECT_EQ(choice_->sender(), 2u);
  EXPECT_EQ(choice_->preferred(), 0u);
  // One that stays where it is keeps all as it is.
  EXPECT_EQ(choice_->Replace({3, 0}).size(), 3u);
  EXPECT_EQ(choice_->current(), 0u);
  EXPECT_FALSE(choice_->prefers_other());
}

// Whoever made the plan does not know who has lied.
TEST_F(ParentChoiceTest, WhoHasLiedIsNotPreferredAgain) {
  Open(2);
  Serve();
  EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kFollow);
  Serve();
  choice_->Replace({0, 1, std::nullopt});
  EXPECT_EQ(choice_->current(), 1u);
  EXPECT_FALSE(choice_->prefers_other()) << "The current one is the best.";
  choice_->Replace({0, std::nullopt, 1});
  EXPECT_TRUE(choice_->prefers_other());
  EXPECT_EQ(choice_->preferred(), 1u);
  EXPECT_EQ(choice_->NextProbe()->node, 1u);
  // It alone is left, beside the current one.
  choice_->Replace({0});
  EXPECT_EQ(choice_->current(), 1u);
  EXPECT_FALSE(choice_->prefers_other());
  Hear({.is_stranded = true});
  now_ += seconds(1);
  Hear({});
  EXPECT_TRUE(choice_->wants_other());
  EXPECT_FALSE(choice_->NextProbe());
  EXPECT_TRUE(choice_->is_stranded());
}

// As where the disk has no room for the content, whose length all have told but
// the one whose disk has none either: it has failed, and begins no more.
TEST_F(ParentChoiceTest, WhoHasNotBegunIsAwaitedAsLongAsItIsInThePlan) {
  Open(3);
  for (const size_t next : {size_t{1}, size_t{2}}) {
    Serve();
    EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kFollow);
    EXPECT_EQ(choice_->current(), next);
  }
  for (int asked = 0; asked < 10; ++asked) {
    EXPECT_EQ(Do(choice_->NotBegun(0, now_)), Step::kFollow);
    EXPECT_EQ(choice_->current(), 2u);
  }
  choice_->Replace({1, 0});
  EXPECT_EQ(choice_->current(), 2u);
  EXPECT_EQ(Do(choice_->NotBegun(0, now_)), Step::kGiveUp);
}

TEST_F(ParentChoiceTest, WhoHasNotBegunIsAwaitedWhereThePlanHasAnotherOne) {
  Open(2);
  Serve();
  EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kFollow);
  choice_->Replace({0, std::nullopt});
  // The new one is asked too, and has not begun either.
  for (int asked = 0; asked < 10; ++asked) {
    EXPECT_EQ(Do(choice_->NotBegun(0, now_)), Step::kFollow);
    EXPECT_FALSE(choice_->has_lied(choice_->current()));
  }
}

TEST_F(ParentChoiceTest, PreferredNodeIsAskedBesideOneThatServes) {
  Open(1);
  Serve();
  choice_->Replace({std::nullopt});
  EXPECT_EQ(choice_->current(), 1u);
  EXPECT_TRUE(choice_->wants_other());
  const auto probe = choice_->NextProbe();
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(probe->node, 0u);
  Hear({.is_stranded = false, .watermark = 9}, 7);
  EXPECT_TRUE(choice_->wants_other()) << "Whatever the current one does.";
  EXPECT_FALSE(choice_->Suits({.is_stranded = true, .watermark = 9}, 7));
  EXPECT_FALSE(choice_->Suits({.is_stranded = false, .watermark = 7}, 7));
  EXPECT_TRUE(choice_->Suits({.is_stranded = false, .watermark = 8}, 7));
  EXPECT_FALSE(choice_->Suits({.is_shorter = true}, 7)) << "One serves.";
  // All of them were asked, and this is none that nobody serves.
  EXPECT_GT(choice_->NextProbe()->pause, ParentChoice::Duration());
  EXPECT_FALSE(choice_->is_stranded());
  choice_->MoveTo(0);
  EXPECT_FALSE(choice_->wants_other());
}

TEST_F(ParentChoiceTest, PreferredNodeThatRefusesForGoodIsAskedWithPauses) {
  Open(1);
  Serve();
  choice_->Replace({std::nullopt});
  ParentChoice::Duration paused{};
  ParentChoice::Duration longest{};
  for (int asked = 0; asked < 1'800; ++asked) {
    const auto probe = choice_->NextProbe();
    ASSERT_TRUE(probe.has_value());
    EXPECT_EQ(probe->node, 0u);
    EXPECT_GE(probe->pause, longest) << "They grow.";
    longest = probe->pause;
    paused += probe->pause;
    Hear({.watermark = 9}, 9);
  }
  EXPECT_EQ(longest, seconds(2));
  EXPECT_GE(paused, seconds(3'590));
  EXPECT_FALSE(choice_->is_stranded());
}

TEST_F(ParentChoiceTest, WhoServesIsNotLeftForOneBehindItInThePlan) {
  Open(2);
  Serve();
  choice_->Replace({std::nullopt, 0, 1});
  EXPECT_EQ(choice_->current(), 2u);
  for (int asked = 0; asked < 100; ++asked) {
    EXPECT_EQ(choice_->NextProbe()->node, 0u);
  }
}

TEST_F(ParentChoiceTest, PreferredNodeIsAskedAWhileBeforeItsFallbacksAre) {
  Open(1);
  Serve();
  choice_->Replace({std::nullopt, std::nullopt});
  ParentChoice::Duration paused{};
  std::optional<ParentChoice::Probe> probe = choice_->NextProbe();
  while (paused < seconds(1)) {
    EXPECT_EQ(probe->node, 0u);
    probe = choice_->NextProbe();
    paused += probe->pause;
  }
  while (probe->node == 0 && paused < seconds(10)) {
    probe = choice_->NextProbe();
    paused += probe->pause;
  }
  EXPECT_EQ(probe->node, 1u);
}

TEST_F(ParentChoiceTest, WhoHadNobodyToReceiveFromIsGoneBackTo) {
  Open(2);
  Serve();
  Hear({.is_stranded = true, .watermark = 7}, 7);
  now_ += seconds(1);
  Hear({.is_stranded = true, .watermark = 7}, 7);
  ASSERT_EQ(choice_->NextProbe()->node, 1u);
  choice_->MoveTo(1);
  EXPECT_EQ(Lose(7, Loss::kLost), Step::kFollowAgain);
  Serve();
  Hear({.is_stranded = false, .watermark = 8}, 8);
  EXPECT_TRUE(choice_->wants_other());
  EXPECT_EQ(choice_->NextProbe()->node, 0u);
  EXPECT_FALSE(choice_->Suits({.is_stranded = true, .watermark = 9}, 8));
  EXPECT_TRUE(choice_->Suits({.is_stranded = false, .watermark = 9}, 8));
  choice_->MoveTo(0);
  EXPECT_FALSE(choice_->wants_other());
}

// It waits for its turn.
TEST_F(ParentChoiceTest, WhoHadNotBegunIsGoneBackTo) {
  Open(3);
  while (Do(choice_->NotBegun(0, now_)) == Step::kFollowAgain) {
  }
  ASSERT_EQ(choice_->current(), 1u);
  Serve();
  Hear({.is_stranded = false, .watermark = 8}, 8);
  EXPECT_TRUE(choice_->wants_other());
  EXPECT_EQ(choice_->NextProbe()->node, 0u);
  EXPECT_FALSE(choice_->Suits({.watermark = 7}, 8)) << "It has just begun.";
  // So does who serves next.
  EXPECT_EQ(Lose(8, Loss::kLost), Step::kFollow);
  ASSERT_EQ(choice_->current(), 2u);
  Serve();
  Hear({.is_stranded = false, .watermark = 8}, 8);
  for (int asked = 0; asked < 100; ++asked) {
    EXPECT_EQ(choice_->NextProbe()->node, 0u) << "1 was left for a fault.";
  }
  EXPECT_TRUE(choice_->Suits({.is_stranded = false, .watermark = 9}, 8));
  choice_->MoveTo(0);
  EXPECT_FALSE(choice_->wants_other());
}

TEST_F(ParentChoiceTest, WhoWasLeftForAFaultIsNotGoneBackTo) {
  Open(2);
  Serve();
  silent_since_ = now_;
  Hear({.watermark = 9}, 7);
  now_ += seconds(10);
  Hear({.watermark = 9}, 7);
  ASSERT_EQ(choice_->fault(), ParentChoice::Fault::kBehind);
  choice_->MoveTo(1);
  EXPECT_FALSE(choice_->prefers_other());
}

TEST_F(ParentChoiceTest,
       ConnectionToAnotherIsNotKeptWhereTheFollowedOneHasMore) {
  Open(2);
  Serve();
  Fail();
  EXPECT_EQ(choice_->current(), 1u);
  for (int i = 0; i < 10; ++i) {
    silent_since_ = now_;
    Hear({.watermark = 9 * kBlock}, kBlock);
    EXPECT_FALSE(choice_->wants_connection()) << "It has just come.";
    now_ += seconds(1);
  }
  silent_since_ = now_;
  Hear({.watermark = 9 * kBlock}, kBlock);
  EXPECT_TRUE(choice_->wants_connection());
}

}  // namespace
}  // namespace tcptool::server
