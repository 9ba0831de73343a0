// Whom of its nodes a reception follows, and when it asks others.
#include <vector>

#include "tests/server/peers/parent_choices.h"

namespace tcptool::server {
namespace {

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

TEST_F(ParentChoiceTest, WhoHasNotBegunIsAskedAgainBeforeOthersAre) {
  Open(2);
  const ParentChoice::Time begun = now_;
  while (Do(choice_->NotBegun(0, now_)) == Step::kFollowAgain) {
    EXPECT_EQ(choice_->current(), 0u);
    EXPECT_FALSE(choice_->is_stranded()) << "Its own children wait too.";
    ASSERT_LT(now_ - begun, seconds(10));
  }
  EXPECT_EQ(choice_->current(), 1u);
  EXPECT_GE(now_ - begun, seconds(5));
  // The others are not waited for as long: the first one may have begun.
  EXPECT_EQ(Do(choice_->NotBegun(0, now_)), Step::kFollow);
  EXPECT_EQ(choice_->current(), 0u);
}

TEST_F(ParentChoiceTest, WhoHasNotBegunIsLeftByWhoHasReceivedFromOthers) {
  Open(2);
  Serve();
  EXPECT_EQ(Lose(5 * kBlock, Loss::kLost), Step::kFollow);
  EXPECT_EQ(Do(choice_->NotBegun(5 * kBlock, now_)), Step::kFollow);
  EXPECT_EQ(choice_->current(), 0u);
}

TEST_F(ParentChoiceTest, WhoMayNotWaitIsNotMadeToByWhoHasNotBegun) {
  Open(2, seconds(0));
  EXPECT_EQ(Do(choice_->NotBegun(0, now_)), Step::kFollow);
  EXPECT_EQ(Do(choice_->NotBegun(0, now_)), Step::kGiveUp);
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

// As by nodes that give a connection, end the call, and then take it back.
TEST_F(ParentChoiceTest, ConnectionThatIsLostInThePauseDoesNotEndIt) {
  Open(2);
  Serve();
  EXPECT_EQ(Fail(), Step::kFollow);
  const auto next = choice_->Failed(false, 0, now_);
  EXPECT_EQ(next.step, Step::kFollow);
  EXPECT_EQ(choice_->current(), 0u);
  EXPECT_GT(next.pause, milliseconds(50));
  // That of the one that is followed no more.
  choice_->Called(now_);
  EXPECT_EQ(Fail(), Step::kFollow);
  EXPECT_EQ(choice_->current(), 1u);
  choice_->Failed(false, 0, now_);
  choice_->Failed(false, 0, now_);
  const auto again =
      choice_->Connect(0, Loss::kLost, true, now_ + milliseconds(9));
  EXPECT_EQ(again.step, Step::kFollowAgain);
  EXPECT_GT(again.pause, milliseconds(50));
}

TEST_F(ParentChoiceTest, BadBlocksAreCountedWhereverTheyAre) {
  Open(1);
  Serve();
  EXPECT_EQ(Lose(3 * kBlock, Loss::kBadBlock), Step::kFollow);
  EXPECT_EQ(Lose(1 * kBlock, Loss::kBadBlock), Step::kFollow);
  EXPECT_FALSE(choice_->has_lied(0));
  EXPECT_EQ(Lose(3 * kBlock, Loss::kBadBlock), Step::kGiveUp);
  EXPECT_TRUE(choice_->has_lied(0));
  EXPECT_EQ(Lose(5 * kBlock, Loss::kBadBlock), Step::kGiveUp);
  EXPECT_TRUE(choice_->has_lied(0)) << "It is asked no more, ever.";
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
  Serve();
  EXPECT_EQ(Lose(0, Loss::kContradiction), Step::kGiveUp);
}

// Of a block that one has sent, the next one says that it is another.
TEST_F(ParentChoiceTest, BlocksThatOthersHaveSentAreNoFaultOfItsOwn) {
  for (const Loss loss : {Loss::kBadBlock, Loss::kContradiction}) {
    Open(2);
    Serve();
    EXPECT_EQ(Lose(5 * kBlock, Loss::kLost), Step::kFollow);
    for (const uint64_t block : {4, 3, 0}) {
      EXPECT_EQ(choice_->current(), 1u);
      EXPECT_EQ(Lose(block * kBlock, loss), Step::kFollowAgain);
      Serve();
    }
    // Now it has sent all.
    EXPECT_EQ(Lose(4 * kBlock, loss), Step::kFollow);
    EXPECT_EQ(choice_->has_lied(1), loss == Loss::kContradiction);
  }
}

TEST_F(ParentChoiceTest, WhoSendsOnWhatItHasSentAnswersForAllOfIt) {
  Open(1);
  Serve();
  EXPECT_EQ(Lose(5 * kBlock, Loss::kLost), Step::kFollow);
  Serve();
  EXPECT_EQ(Lose(1 * kBlock, Loss::kContradiction), Step::kGiveUp);
}

TEST_F(ParentChoiceTest, WhatAnEarlierAttemptHasKeptIsNobodysFault) {
  choice_.emplace(1, hours(1), ParentChoice::Timing());
  choice_->Connect(5 * kBlock, Loss::kNone, false, now_);
  choice_->Called(now_);
  EXPECT_EQ(Lose(0, Loss::kBadBlock), Step::kFollowAgain) << "Nothing came.";
  choice_->Connect(5 * kBlock, Loss::kNone, false, now_);
  Serve();
  EXPECT_EQ(Lose(0, Loss::kBadBlock), Step::kFollowAgain);
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
  EXPECT_TRUE(choice_->Suits({.is_shorter = true}, kBlock - 1));
  EXPECT_FALSE(
      choice_->Suits({.is_stranded = true, .is_shorter = true}, kBlock - 1));
  // One of an earlier release.
  EXPECT_TRUE(choice_->Suits({}, kBlock - 1));
  Hear({.watermark = kBlock}, kBlock);
  EXPECT_FALSE(choice_->wants_other());
}

TEST_F(ParentChoiceTest, AllComesAnewOnceForTheShorterContentOfANode) {
  Open(2);
  EXPECT_TRUE(choice_->may_start_anew(0));
  choice_->StartsAnew();
  EXPECT_FALSE(choice_->may_start_anew(0));
  EXPECT_TRUE(choice_->may_start_anew(1));
  Serve();
  now_ += hours(1);
  Lose(5 * kBlock, Loss::kLost);
  EXPECT_FALSE(choice_->may_start_anew(0)) << "whatever has come since";
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

// Its disk may hang, or there may be nothing to send.
TEST_F(ParentChoiceTest, WhoSendsNothingForLongIsLeftForWhoHasMore) {
  for (const ParentChoice::Said& said :
       {ParentChoice::Said{.watermark = 5}, ParentChoice::Said{}}) {
    Open(2);
    Serve();
    silent_since_ = now_;
    Hear(said, 5);
    now_ += seconds(29);
    Hear(said, 5);
    EXPECT_FALSE(choice_->wants_other());
    now_ += seconds(1);
    Hear(said, 5);
    EXPECT_TRUE(choice_->wants_other());
    EXPECT_FALSE(choice_->Suits({.watermark = 5}, 5));
    EXPECT_FALSE(choice_->Suits({}, 5));
    EXPECT_FALSE(choice_->Suits({.is_stranded = true, .watermark = 6}, 5));
    EXPECT_TRUE(choice_->Suits({.watermark = 6}, 5));
    // It has verified what the other one has only sent.
    EXPECT_TRUE(choice_->Suits({.watermark = 5, .tells_more = true}, 5));
    EXPECT_FALSE(choice_->Suits({.watermark = 4, .tells_more = true}, 5));
  }
}

TEST_F(ParentChoiceTest, WhoWaitsWithAllOthersIsNotStrandedAndAsksLessOften) {
  Open(4);
  Serve();
  const ParentChoice::Time begun = silent_since_ = now_;
  int asked = 0;
  ParentChoice::Time next = now_;
  while (now_ < begun + hours(1)) {
    now_ += milliseconds(250);
    Hear({.watermark = 5}, 5);
    for (; choice_->wants_other() && next <= now_; ++asked) {
      next = now_ + choice_->NextProbe()->pause;
    }
    EXPECT_FALSE(choice_->is_stranded());
  }
  EXPECT_GT(asked, 3 * 100);
  EXPECT_LT(asked, 3 * 140);
  // One that has nobody any more is left at once, if anybody is better.
  Hear({.is_stranded = true, .watermark = 5}, 5);
  const uint64_t search = choice_->search();
  now_ += seconds(1);
  Hear({.watermark = 5}, 5);
  EXPECT_EQ(choice_->fault(), ParentChoice::Fault::kStranded);
  EXPECT_NE(choice_->search(), search);
  EXPECT_EQ(choice_->NextProbe()->pause, ParentChoice::Duration());
}

TEST_F(ParentChoiceTest, OthersAreAskedInTurnFromTheNextOneOn) {
  Open(4);
  EXPECT_EQ(Fail(), Step::kFollow);  // 1
  Serve();
  Hear({.is_stranded = true}, kBlock);
  now_ += seconds(1);
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

}  // namespace
}  // namespace tcptool::server
