// Whom of its nodes a reception follows, and when it asks others, by a clock of
// the test's own.
#include "server/peers/parent_choice.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace tcptool::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Loss = ParentChoice::Loss;
using Step = ParentChoice::Step;

constexpr uint64_t kBlock = uint64_t{1} << 20;

class ParentChoiceTest : public testing::Test {
 protected:
  void Open(size_t nodes, ParentChoice::Duration wait = hours(1)) {
    choice_.emplace(nodes, wait, ParentChoice::Timing());
    choice_->Connect(0, Loss::kNone, false, now_);
    choice_->Called(now_);
  }
  // What was followed has failed.
  Step Fail(bool is_refusal = false, uint64_t position = 0) {
    return Do(choice_->Failed(is_refusal, position, now_));
  }
  Step Lose(uint64_t offset, Loss loss, bool is_its_own = true) {
    return Do(choice_->Connect(offset, loss, is_its_own, now_));
  }
  Step Do(const ParentChoice::Next& next) {
    now_ += next.pause;
    choice_->Called(now_);
    return next.step;
  }
  void Serve() { choice_->Connected(now_); }
  void Hear(const ParentChoice::Said& said, uint64_t position = 0) {
    choice_->Heard(said, position, silent_since_, now_);
  }

  ParentChoice::Time now_{hours(1)};
  ParentChoice::Time silent_since_{};
  std::optional<ParentChoice> choice_;
};

TEST_F(ParentChoiceTest, EachIsAskedOnceHoweverShortTheWaitIs) {
  Open(3, seconds(0));
  EXPECT_EQ(Fail(), Step::kFollow);
  EXPECT_EQ(Fail(true), Step::kFollow);
  EXPECT_EQ(choice_->current(), 2u);
  EXPECT_EQ(Fail(), Step::kGiveUp);
}

TEST_F(ParentChoiceTest, AtOnceInTheFirstRoundAndThenWithPausesUntilTheEnd) {
  Open(3, seconds(60));
  int calls = 1;
  const ParentChoice::Time begun = now_;
  while (Fail() != Step::kGiveUp) {
    ++calls;
    if (calls <= 3) {
      EXPECT_EQ(now_, begun);
    } else {
      EXPECT_GT(now_, begun);
    }
  }
  EXPECT_GE(now_ - begun, seconds(60));
  EXPECT_LT(now_ - begun, seconds(63));
  EXPECT_LT(calls, 60);
}

// What a node said long ago may be otherwise now.
TEST_F(ParentChoiceTest, RefusalsOfAnEarlierTroubleAreForgotten) {
  Open(2);
  EXPECT_EQ(Fail(true), Step::kFollow);
  Serve();
  now_ += seconds(20);
  EXPECT_EQ(Lose(5 * kBlock, Loss::kLost), Step::kFollow);
  EXPECT_EQ(choice_->current(), 0u);
  EXPECT_EQ(Fail(), Step::kFollow);
  EXPECT_EQ(Fail(true), Step::kFollow);
  EXPECT_EQ(Fail(true), Step::kGiveUp);
}

TEST_F(ParentChoiceTest, CallsThatEndAtOnceAreMadeWithPauses) {
  Open(2);
  Serve();
  now_ += hours(1);
  // Those of a connection that goes on.
  const ParentChoice::Time begun = now_;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Fail(false, 7 * kBlock), Step::kFollow);
    Hear({});
  }
  EXPECT_GE(now_ - begun, seconds(20));
  // One that lasts is the end of it.
  now_ += seconds(64);
  Hear({});
  const ParentChoice::Time later = now_;
  EXPECT_EQ(Fail(false, 7 * kBlock), Step::kFollow);
  EXPECT_EQ(now_, later);
  // Those that bring a connection and take it back.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Lose(7 * kBlock, Loss::kLost), Step::kFollowAgain);
    Serve();
    EXPECT_EQ(Fail(false, 7 * kBlock), Step::kFollow);
  }
  EXPECT_GE(now_ - later, seconds(15));
}

TEST_F(ParentChoiceTest, BadBlocksAreCountedWhereverTheyAre) {
  Open(1);
  Serve();
  EXPECT_EQ(Lose(3 * kBlock, Loss::kBadBlock), Step::kFollow);
  EXPECT_EQ(Lose(1 * kBlock, Loss::kBadBlock), Step::kFollow);
  EXPECT_FALSE(choice_->has_lied(0));
  EXPECT_EQ(Lose(3 * kBlock, Loss::kBadBlock), Step::kGiveUp);
  EXPECT_TRUE(choice_->has_lied(0));
}

// As by a line that breaks a bit now and then.
TEST_F(ParentChoiceTest, BadBlocksFarApartAreNoEnd) {
  Open(1);
  Serve();
  for (uint64_t i = 1; i < 100; ++i) {
    EXPECT_EQ(Lose(i * ParentChoice::kForgiven, Loss::kBadBlock),
              Step::kFollow);
  }
}

TEST_F(ParentChoiceTest, WhatWasNotOneNodesAloneIsSaidAnew) {
  Open(2);
  Serve();
  for (const Loss loss : {Loss::kBadBlock, Loss::kContradiction}) {
    EXPECT_EQ(Lose(0, loss, false), Step::kFollowAgain);
    EXPECT_EQ(choice_->current(), 0u);
  }
  EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kFollow);
  EXPECT_TRUE(choice_->has_lied(0));
  EXPECT_EQ(choice_->current(), 1u);
  EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kGiveUp);
}

TEST_F(ParentChoiceTest, WhoHasNobodyToReceiveFromForASecondIsNotEnough) {
  Open(3);
  Serve();
  Hear({.is_stranded = true});
  EXPECT_FALSE(choice_->wants_other());
  now_ += milliseconds(999);
  Hear({});
  EXPECT_FALSE(choice_->wants_other());
  now_ += milliseconds(1);
  Hear({});
  EXPECT_TRUE(choice_->wants_other());
  Hear({.is_stranded = false});
  EXPECT_FALSE(choice_->wants_other());
}

TEST_F(ParentChoiceTest, WhoSendsNothingOfWhatItHasIsNotEnough) {
  Open(2);
  Serve();
  silent_since_ = now_;
  Hear({.watermark = kBlock}, kBlock - 1);
  now_ += seconds(9);
  Hear({.watermark = kBlock}, kBlock - 1);
  EXPECT_FALSE(choice_->wants_other());
  now_ += seconds(1);
  Hear({.watermark = kBlock}, kBlock - 1);
  EXPECT_TRUE(choice_->wants_other());
  EXPECT_FALSE(choice_->Suits({.watermark = kBlock - 1}, kBlock - 1));
  EXPECT_TRUE(choice_->Suits({.watermark = kBlock}, kBlock - 1));
  EXPECT_FALSE(
      choice_->Suits({.is_stranded = true, .watermark = kBlock}, kBlock - 1));
  // One of an earlier release.
  EXPECT_TRUE(choice_->Suits({}, kBlock - 1));
  Hear({.watermark = kBlock}, kBlock);
  EXPECT_FALSE(choice_->wants_other());
}

// A call may end without the connection that came with it.
TEST_F(ParentChoiceTest,
       WhoIsFollowedIsAskedForAConnectionIfTheOldOneIsSilent) {
  Open(2);
  Serve();
  Fail();
  silent_since_ = now_;
  Hear({.watermark = kBlock});
  now_ += milliseconds(999);
  Hear({.watermark = kBlock});
  EXPECT_FALSE(choice_->wants_connection());
  now_ += milliseconds(1);
  Hear({.watermark = kBlock});
  EXPECT_TRUE(choice_->wants_connection());
  EXPECT_EQ(Lose(0, Loss::kLost), Step::kFollowAgain);
  EXPECT_EQ(choice_->current(), 1u);
  Serve();
  Hear({.watermark = kBlock});
  EXPECT_FALSE(choice_->wants_connection());
}

TEST_F(ParentChoiceTest, WhoHasNothingOrSaysNothingOfItMayTakeItsTime) {
  Open(2);
  Serve();
  for (const ParentChoice::Said& said :
       {ParentChoice::Said{.watermark = 0}, ParentChoice::Said{}}) {
    Hear(said);
    now_ += hours(1);
    Hear(said);
    EXPECT_FALSE(choice_->wants_other());
  }
}

TEST_F(ParentChoiceTest, OthersAreAskedInTurnFromTheNextOneOn) {
  Open(4);
  EXPECT_EQ(Fail(), Step::kFollow);  // 1
  Serve();
  Hear({}, kBlock);
  std::vector<size_t> asked;
  ParentChoice::Duration paused{};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(choice_->is_stranded(), i > 3);
    const auto probe = choice_->NextProbe();
    ASSERT_TRUE(probe);
    asked.push_back(probe->node);
    paused += probe->pause;
    if (i < 3) {
      EXPECT_EQ(paused, ParentChoice::Duration());
    }
  }
  EXPECT_EQ(asked, (std::vector<size_t>{2, 3, 0, 2, 3, 0}));
  EXPECT_GT(paused, ParentChoice::Duration());
  choice_->MoveTo(0);
  choice_->Called(now_);
  EXPECT_EQ(Lose(0, Loss::kLost), Step::kFollowAgain);
  EXPECT_EQ(choice_->current(), 0u);
}

// Or else those that follow would wait for one that only says that it serves.
TEST_F(ParentChoiceTest, IsStrandedUntilSomethingComesOrACallLasts) {
  Open(2);
  EXPECT_FALSE(choice_->is_stranded());
  Fail();
  EXPECT_TRUE(choice_->is_stranded());
  Serve();
  Hear({.is_stranded = false});
  EXPECT_TRUE(choice_->is_stranded());
  Hear({.is_stranded = false}, 1);
  EXPECT_FALSE(choice_->is_stranded());
  // The first call since something has come may do.
  Fail(false, 1);
  EXPECT_FALSE(choice_->is_stranded());
  Fail(false, 1);
  Hear({}, 1);
  now_ += seconds(3);
  Hear({}, 1);
  EXPECT_TRUE(choice_->is_stranded());
  now_ += seconds(1);
  Hear({}, 1);
  EXPECT_FALSE(choice_->is_stranded());
}

TEST_F(ParentChoiceTest, NobodyElseIsThere) {
  Open(1);
  Serve();
  EXPECT_FALSE(choice_->is_stranded());
  EXPECT_FALSE(choice_->NextProbe());
  EXPECT_TRUE(choice_->is_stranded());
}

TEST_F(ParentChoiceTest, ThoseWhoSendNothingAreGivenUpAfterTheWait) {
  Open(2, seconds(60));
  const ParentChoice::Time begun = now_;
  Step step = Step::kFollow;
  for (size_t node = 1; step != Step::kGiveUp && node < 100; ++node) {
    Serve();
    now_ += seconds(10);
    choice_->MoveTo(node % 2);
    choice_->Called(now_);
    step = Lose(0, Loss::kSilent);
  }
  EXPECT_EQ(step, Step::kGiveUp);
  EXPECT_GE(now_ - begun, seconds(60));
  EXPECT_LT(now_ - begun, seconds(90));
}

TEST_F(ParentChoiceTest, OtherNodesKeepWhatIsKnownOfThem) {
  Open(2);
  Serve();
  EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kFollow);
  EXPECT_EQ(choice_->current(), 1u);
  choice_->Replace({std::nullopt, 0, 1}, false);
  EXPECT_EQ(choice_->current(), 2u);
  EXPECT_TRUE(choice_->has_lied(1));
  EXPECT_FALSE(choice_->has_lied(0));
  EXPECT_FALSE(choice_->has_lied(2));
}

TEST_F(ParentChoiceTest, PreferredNodeIsAskedBesideOneThatServes) {
  Open(1);
  Serve();
  choice_->Replace({std::nullopt, 0}, true);
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
  // All of them were asked, and this is none that nobody serves.
  EXPECT_GT(choice_->NextProbe()->pause, ParentChoice::Duration());
  EXPECT_FALSE(choice_->is_stranded());
  choice_->MoveTo(0);
  EXPECT_FALSE(choice_->wants_other());
}

}  // namespace
}  // namespace tcptool::server
