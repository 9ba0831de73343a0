// Lanes on clocks of their own: what each could send, and how much of the
// processor it was given.
#include "dataplane/sending/paced_lane.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace tcptool::dataplane {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kLead = Pace::kLeastLead;
constexpr auto kPatience = PacedLane::kPatience;

class PacedLaneTest : public testing::Test {
 protected:
  // All that passes of the clock passes for all lanes.
  class TestedLane {
   public:
    TestedLane(PacedLaneTest& test, size_t lane)
        : test_(test), lane_(test.pace_, lane) {}

    bool MaySend(const std::vector<uint64_t>& positions) {
      return lane_.MaySend(positions, {test_.now_, processor_});
    }
    void Rest() { lane_.Rest({test_.now_, processor_}); }
    void Run(Clock::duration time) { processor_ += time; }

   private:
    PacedLaneTest& test_;
    PacedLane lane_;
    Clock::duration processor_ = milliseconds(1234);
  };

  void Pass(Clock::duration time) { now_ += time; }
  // Could send all the time, and did not run.
  void LackTheProcessor(TestedLane& lane, uint64_t position) {
    lane.MaySend({position});
    Pass(2 * kPatience);
    lane.MaySend({position});
  }
  // Whether a lane that is so far waits for another one.
  bool Waits(TestedLane& lane, uint64_t position = kLead + 1) {
    return !lane.MaySend({position});
  }

  const std::shared_ptr<Pace> pace_ = std::make_shared<Pace>(3, 0);
  Clock::time_point now_ = Clock::now();
  TestedLane behind_{*this, 0};
  TestedLane ahead_{*this, 1};
  TestedLane third_{*this, 2};
};

TEST_F(PacedLaneTest, LaneThatCouldSendAndDoesNotRunIsWaitedFor) {
  LackTheProcessor(behind_, 0);
  EXPECT_TRUE(Waits(ahead_));
}

TEST_F(PacedLaneTest, LaneThatRunsIsNotWaitedFor) {
  for (int i = 0; i < 100; ++i) {
    behind_.MaySend({0});
    Pass(milliseconds(10));
    behind_.Run(milliseconds(10));
    EXPECT_FALSE(Waits(ahead_));
  }
}

// It has recipients that read nothing: there is nobody to send to.
TEST_F(PacedLaneTest, StalledLaneIsNotWaitedFor) {
  behind_.MaySend({0});
  behind_.Rest();
  Pass(seconds(10));
  EXPECT_FALSE(Waits(ahead_));
  // It sends a little to one of them, after a while in which it did not run.
  behind_.MaySend({0});
  behind_.Rest();
  EXPECT_FALSE(Waits(ahead_));
}

// Now and then there is room in a socket, and sometimes it does not run then.
TEST_F(PacedLaneTest, SlowLaneIsNotWaitedFor) {
  for (int i = 0; i < 1000; ++i) {
    behind_.MaySend({0});
    Pass(milliseconds(1));
    EXPECT_FALSE(Waits(ahead_));
    behind_.Rest();
    Pass(milliseconds(10));
    EXPECT_FALSE(Waits(ahead_));
  }
}

TEST_F(PacedLaneTest, OneInterruptionIsNoLack) {
  behind_.MaySend({0});
  Pass(milliseconds(5));
  behind_.MaySend({0});
  EXPECT_FALSE(Waits(ahead_));
}

TEST_F(PacedLaneTest, LaneThatRunsTooLittleIsWaitedFor) {
  for (int i = 0; i < 1000; ++i) {
    behind_.MaySend({0});
    Pass(milliseconds(4));
    behind_.Run(milliseconds(3));
  }
  behind_.MaySend({0});
  EXPECT_TRUE(Waits(ahead_));
}

TEST_F(PacedLaneTest, FinishedLaneIsWaitedForNoLongerThanPatienceLasts) {
  LackTheProcessor(behind_, 0);
  behind_.Rest();
  EXPECT_TRUE(Waits(ahead_));
  Pass(kPatience);
  EXPECT_FALSE(Waits(ahead_));
}

TEST_F(PacedLaneTest,
       LaneThatIsNotHeardOfIsWaitedForNoLongerThanPatienceLasts) {
  LackTheProcessor(behind_, 0);
  Pass(kPatience - milliseconds(1));
  EXPECT_TRUE(Waits(ahead_));
  Pass(milliseconds(1));
  EXPECT_FALSE(Waits(ahead_));
}

TEST_F(PacedLaneTest, LaneThatRunsAgainIsWaitedForNoLongerThanPatienceLasts) {
  LackTheProcessor(behind_, 0);
  Pass(kPatience);
  behind_.Run(kPatience);
  behind_.MaySend({0});
  EXPECT_FALSE(Waits(ahead_));
}

TEST_F(PacedLaneTest, LaneThatHasCaughtUpIsNotWaitedFor) {
  LackTheProcessor(behind_, 0);
  EXPECT_TRUE(Waits(ahead_));
  behind_.MaySend({1});
  EXPECT_FALSE(Waits(ahead_));
}

// Those of its recipients that are behind are slow, or have come later.
TEST_F(PacedLaneTest, FastestRecipientOfALaneCounts) {
  behind_.MaySend({0, kLead});
  LackTheProcessor(behind_, 0);
  EXPECT_FALSE(Waits(ahead_));
}

TEST_F(PacedLaneTest, LaneDoesNotWaitWithARecipientThatIsNotAhead) {
  LackTheProcessor(behind_, 0);
  EXPECT_TRUE(ahead_.MaySend({kLead + 1, kLead, kLead + 2}));
  EXPECT_FALSE(ahead_.MaySend({kLead + 1, kLead + 2}));
}

TEST_F(PacedLaneTest, LaneThatWaitsForAnotherDoesNotLackTheProcessor) {
  LackTheProcessor(behind_, 0);
  for (int i = 0; i < 1000; ++i) {
    behind_.MaySend({0});
    EXPECT_TRUE(Waits(ahead_));
    Pass(Pace::kPause);
  }
  EXPECT_FALSE(Waits(third_, 2 * kLead + 2));
}

// They are not read in the same moment.
TEST_F(PacedLaneTest, ProcessorTimeMayBeAheadOfTheClock) {
  LackTheProcessor(behind_, 0);
  behind_.Run(seconds(1));
  behind_.MaySend({0});
  EXPECT_TRUE(Waits(ahead_));
}

}  // namespace
}  // namespace tcptool::dataplane
