#include "server/http/turns.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace tcptool::server {
namespace {

class TurnsTest : public testing::Test {
 protected:
  // Work that notes its number, and keeps its turn until that is taken away.
  bool Take(int number) {
    return turns_->Take([this, number](const Turns::Turn& turn) {
      begun_.push_back(number);
      turn_ = turn;
    });
  }

  std::shared_ptr<Turns> turns_ = std::make_shared<Turns>();
  Turns::Turn turn_;
  std::vector<int> begun_;
};

TEST_F(TurnsTest, OneBeginsWhenTheOneBeforeIsOver) {
  EXPECT_TRUE(Take(1));
  EXPECT_TRUE(Take(2));
  EXPECT_TRUE(Take(3));
  EXPECT_EQ(begun_, std::vector<int>({1}));
  Turns::Turn copy = turn_;
  turn_.reset();
  EXPECT_EQ(begun_, std::vector<int>({1}));
  copy.reset();
  EXPECT_EQ(begun_, std::vector<int>({1, 2}));
  turn_.reset();
  EXPECT_EQ(begun_, std::vector<int>({1, 2, 3}));
  turn_.reset();
  EXPECT_TRUE(Take(4));
  EXPECT_EQ(begun_.back(), 4);
  turn_.reset();
}

TEST_F(TurnsTest, WorkThatIsOverAtOnceHoldsNobodyUp) {
  int done = 0;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(turns_->Take([&done](const Turns::Turn&) { ++done; }));
  }
  EXPECT_EQ(done, 1'000);
}

TEST_F(TurnsTest, SoManyWait) {
  EXPECT_TRUE(Take(0));
  for (size_t i = 0; i < Turns::kMostWaiting; ++i) EXPECT_TRUE(Take(1));
  EXPECT_FALSE(Take(2));
  turns_->Close();
  turn_.reset();
}

TEST_F(TurnsTest, NothingBeginsWhenItIsClosed) {
  EXPECT_TRUE(Take(1));
  EXPECT_TRUE(Take(2));
  turns_->Close();
  turn_.reset();
  EXPECT_FALSE(Take(3));
  EXPECT_EQ(begun_, std::vector<int>({1}));
}

TEST_F(TurnsTest, ATurnMayEndAfterIt) {
  EXPECT_TRUE(Take(1));
  turns_.reset();
  turn_.reset();
}

}  // namespace
}  // namespace tcptool::server
