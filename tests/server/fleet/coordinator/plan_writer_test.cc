#include "server/fleet/coordinator/plan_writer.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {
namespace {

// 130 nodes: the edges need two transactions, and the head one.
constexpr int kNodes = 130;

class PlanWriterTest : public ::testing::Test {
 protected:
  PlanWriterTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(kNodes);
    fleet_.AddDistribution("d");
    fleet_.etcd().Put(fleet_.keys().Coordinator(), "");
    term_ = fleet_.etcd().revision();
  }

  void Begin(bool is_continued = false) {
    writer_ = std::make_unique<PlanWriter>(
        thread_.get_executor(), &connection_,
        PlanWriterOptions{.keys = fleet_.keys(),
                          .coordinator = term_,
                          .is_continued = is_continued,
                          .pause = std::chrono::milliseconds(1)},
        PlanWriter::Events{
            .refused = [this] { ++refusals_; },
            .trouble = [this](const absl::Status&) { ++troubles_; }});
  }
  // The first transactions have these fates, others are answered. Those that
  // are late come before the one of that number, and must change nothing.
  void Expect(std::deque<Fate> fates, int late_before = 0) {
    connection_.fate = [this, late_before,
                        fates = std::move(fates)](const auto&) mutable {
      if (connection_.transactions() == late_before) {
        const int64_t revision = fleet_.etcd().revision();
        connection_.CarryOutLate();
        EXPECT_EQ(fleet_.etcd().revision(), revision);
        has_come_late_ = true;
      }
      if (fates.empty()) return Fate::kAnswered;
      const Fate fate = fates.front();
      fates.pop_front();
      return fate;
    };
  }
  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) thread_.run_one();
  }
  // Until what etcd has leaves nothing to decide.
  void RunUntilDecided() {
    RunUntil(
        [this] { return Decide(fleet_.State(), {}, absl::Now()).empty(); });
  }

  asio::io_context thread_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  TestFleet fleet_;
  MemoryConnection connection_{thread_.get_executor(), &fleet_.etcd()};
  int64_t term_ = 0;
  int refusals_ = 0;
  int troubles_ = 0;
  bool has_come_late_ = false;
  std::unique_ptr<PlanWriter> writer_;
};

TEST_F(PlanWriterTest, WritesTheEdgesAndThenTheHead) {
  Begin();
  RunUntilDecided();
  EXPECT_EQ(connection_.transactions(), 3);
  EXPECT_EQ(fleet_.Parents("d").size(), size_t{kNodes});
  EXPECT_EQ(fleet_.Head("d").epoch(), 1);
}

TEST_F(PlanWriterTest, WritesNothingAgainThatItHasWritten) {
  Begin();
  RunUntilDecided();
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_WAITING);
  fleet_.KillNode("n130");
  RunUntilDecided();
  const int before = connection_.transactions();
  fleet_.PutDelivery("d", "source", v1::DELIVERY_STATE_DELIVERED);
  RunUntilDecided();
  // The head, with the content.
  EXPECT_EQ(connection_.transactions(), before + 1);
}

TEST_F(PlanWriterTest, GoesOnWhenAnAnswerWasLost) {
  Expect({Fate::kAnswered, Fate::kAnswerLost});
  Begin();
  RunUntilDecided();
  EXPECT_EQ(fleet_.Parents("d").size(), size_t{kNodes});
  EXPECT_EQ(refusals_, 0);
  EXPECT_EQ(troubles_, 1);
}

TEST_F(PlanWriterTest, GoesOnWhenARequestWasLost) {
  Expect({Fate::kAnswered, Fate::kRequestLost});
  Begin();
  RunUntilDecided();
  EXPECT_EQ(fleet_.Parents("d").size(), size_t{kNodes});
  EXPECT_EQ(refusals_, 0);
}

// The second transaction of edges is late, the third a fence. What is late
// comes before the fourth.
TEST_F(PlanWriterTest, FencesWhatMayStillBeCarriedOut) {
  Expect({Fate::kAnswered, Fate::kLate}, /*late_before=*/4);
  Begin();
  RunUntilDecided();
  EXPECT_TRUE(has_come_late_);
  EXPECT_EQ(connection_.transactions(), 5);
  EXPECT_EQ(fleet_.Parents("d").size(), size_t{kNodes});
}

TEST_F(PlanWriterTest, FencesAgainWhenTheFenceIsUnknownToo) {
  Expect({Fate::kLate, Fate::kLate, Fate::kAnswerLost, Fate::kRequestLost},
         /*late_before=*/6);
  Begin();
  RunUntilDecided();
  EXPECT_TRUE(has_come_late_);
  EXPECT_EQ(troubles_, 4);
}

TEST_F(PlanWriterTest, FencesAHead) {
  Expect({Fate::kAnswered, Fate::kAnswered, Fate::kLate}, /*late_before=*/5);
  Begin();
  RunUntil([this] { return troubles_ == 1; });
  fleet_.KillNode("n60");
  RunUntilDecided();
  EXPECT_TRUE(has_come_late_);
  for (const auto& [node, parent] : fleet_.Parents("d")) {
    EXPECT_TRUE(node == "n60" || parent != "n60") << node;
  }
}

TEST_F(PlanWriterTest, FencesWhatAnEarlierRunOfTheSameTermMayHaveLeft) {
  Expect({Fate::kLate}, /*late_before=*/3);
  Begin();
  RunUntil([this] { return troubles_ == 1; });
  Begin(/*is_continued=*/true);
  RunUntilDecided();
  EXPECT_TRUE(has_come_late_);
}

TEST_F(PlanWriterTest, TriesAgainWhatWasNotCarriedOut) {
  Expect({Fate::kRefused, Fate::kAnswered, Fate::kRefused});
  Begin();
  RunUntilDecided();
  EXPECT_EQ(troubles_, 2);
  EXPECT_EQ(fleet_.Parents("d").size(), size_t{kNodes});
}

TEST_F(PlanWriterTest, ListsAgainIfItIsNotToldOfWhatItHasWritten) {
  connection_.fate = [this](const auto&) {
    connection_.DropEvents();
    return Fate::kAnswered;
  };
  Begin();
  RunUntilDecided();
  fleet_.KillNode("n60");
  RunUntilDecided();
}

TEST_F(PlanWriterTest, HasWhatItHasSeenWhileItListsAgain) {
  Begin();
  RunUntilDecided();
  const auto has_it = [this] {
    return writer_->state().distributions().contains("d");
  };
  ASSERT_TRUE(has_it());
  Expect({Fate::kRefused});
  fleet_.KillNode("n60");
  bool had_it = true;
  RunUntil([&] {
    had_it = had_it && has_it();
    return Decide(fleet_.State(), {}, absl::Now()).empty();
  });
  EXPECT_EQ(troubles_, 1);
  EXPECT_TRUE(had_it);
}

TEST_F(PlanWriterTest, PlansForAnEtcdThatHasGoneBack) {
  const MemoryEtcd backup = fleet_.etcd();
  Begin();
  RunUntilDecided();
  fleet_.etcd().Restore(backup);
  connection_.EndWatches();
  RunUntilDecided();
  EXPECT_EQ(fleet_.Parents("d").size(), size_t{kNodes});
}

TEST_F(PlanWriterTest, PlansAnewForANodeThatIsSlow) {
  Begin();
  writer_->ReportSlow("d", "n1");
  RunUntilDecided();
  EXPECT_NE(fleet_.Parents("d").at("n10"), "source") << "it had no edge yet";
  thread_.poll();
  writer_->ReportSlow("other", "n1");
  writer_->ReportSlow("d", "other");
  writer_->ReportSlow("d", "n1");
  RunUntil([this] { return fleet_.Parents("d").at("n10") == "source"; });
}

TEST_F(PlanWriterTest, TellsThatItWasRefusedAndWritesNothing) {
  fleet_.etcd().Delete(fleet_.keys().Coordinator());
  Begin();
  RunUntil([this] { return refusals_ == 2; });
  EXPECT_TRUE(fleet_.Parents("d").empty());
  EXPECT_FALSE(fleet_.etcd().keys().contains(fleet_.keys().Head("d")));
}

TEST_F(PlanWriterTest, GoesOnWithOthersWhenADistributionIsDeletedMeanwhile) {
  fleet_.AddDistribution("e");
  bool is_first = true;
  connection_.fate = [&](const auto&) {
    if (std::exchange(is_first, false)) {
      fleet_.etcd().Delete(fleet_.keys().Spec("d"));
    }
    return Fate::kAnswered;
  };
  Begin();
  RunUntilDecided();
  EXPECT_EQ(refusals_, 1);
  EXPECT_TRUE(fleet_.Parents("d").empty());
  EXPECT_EQ(fleet_.Parents("e").size(), size_t{kNodes});
}

TEST_F(PlanWriterTest, WritesNothingAnyMoreWhenItIsGone) {
  connection_.fate = [this](const auto&) {
    writer_.reset();
    return Fate::kAnswered;
  };
  Begin();
  RunUntil([this] { return writer_ == nullptr; });
  thread_.poll();
  EXPECT_EQ(connection_.transactions(), 1);
}

}  // namespace
}  // namespace tcptool::fleet
