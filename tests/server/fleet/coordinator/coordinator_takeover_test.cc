// A coordinator that dies at each of its writes in turn, and two that believe
// to be it.
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/candidate.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using Parents = std::map<std::string, std::string>;

// Two transactions of edges.
constexpr int kNodes = 130;

enum class Death {
  kNone,
  kBefore,  // The transaction is not carried out.
  kAfter,   // It is, and its answer does not come.
};

// A distribution with all that can happen in it, and two candidates.
class Story {
 public:
  Story() {
    fleet_.AddNode("source");
    fleet_.AddNodes(kNodes);
    fleet_.AddDistribution("d");
  }

  struct End {
    Parents first;   // After the first plan.
    Parents second;  // After two deaths.
    v1::Head head;
    int transactions = 0;  // Of the first coordinator.
  };

  // The first coordinator dies at its transaction of this number.
  End Run(int victim, Death death) {
    Candidate a(thread_, fleet_, "a");
    a.connection().fate = [&](const auto&) {
      if (death == Death::kNone || a.connection().transactions() != victim) {
        return Fate::kAnswered;
      }
      if (death == Death::kBefore) {
        a.Die();
        return Fate::kAnswered;
      }
      asio::post(thread_, [&a] { a.Die(); });
      return Fate::kAnswerLost;
    };
    RunUntil([&] { return a.coordinator().is_coordinator() || IsDead(a); });
    const Candidate b(thread_, fleet_, "b");

    End end;
    RunUntilDecided();
    end.first = fleet_.Parents("d");
    fleet_.KillNode("n40");
    fleet_.KillNode("n90");
    RunUntilDecided();
    end.second = fleet_.Parents("d");
    for (int i = 1; i <= kNodes; ++i) {
      fleet_.PutDelivery("d", absl::StrCat("n", i),
                         v1::DELIVERY_STATE_DELIVERED);
    }
    RunUntilDecided();
    end.head = fleet_.Head("d");
    end.transactions = a.connection().transactions();
    return end;
  }

 private:
  // Nobody has the key that it had.
  bool IsDead(const Candidate& candidate) {
    return !candidate.changes.empty() && !fleet_.State().coordinator();
  }
  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) thread_.run_one();
  }
  void RunUntilDecided() {
    int64_t looked_at = 0;
    RunUntil([&] {
      if (looked_at == fleet_.etcd().revision()) return false;
      looked_at = fleet_.etcd().revision();
      const FleetState state = fleet_.State();
      CheckEpochs(state);
      return Decide(state, {}, absl::Now()).empty();
    });
  }
  // They only grow.
  void CheckEpochs(const FleetState& state) {
    const Distribution& distribution = state.distributions().at("d");
    if (!distribution.head) {
      EXPECT_EQ(epoch_, 0) << "the head is gone";
      return;
    }
    EXPECT_GE(distribution.head->value.epoch(), epoch_);
    epoch_ = distribution.head->value.epoch();
  }

  asio::io_context thread_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  TestFleet fleet_;
  int64_t epoch_ = 0;
};

TEST(CoordinatorTakeover, TheEndIsTheSameAtWhicheverWriteACoordinatorDies) {
  const Story::End undisturbed = Story().Run(0, Death::kNone);
  ASSERT_EQ(undisturbed.head.state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
  ASSERT_EQ(undisturbed.first.size(), size_t{kNodes});
  // The key; edges, edges and head; edges and head; the end.
  ASSERT_GE(undisturbed.transactions, 7);
  for (const Death death : {Death::kBefore, Death::kAfter}) {
    // The first is for its key.
    for (int i = 2; i <= undisturbed.transactions; ++i) {
      SCOPED_TRACE(absl::StrCat(death == Death::kBefore ? "before" : "after",
                                " transaction ", i));
      const Story::End end = Story().Run(i, death);
      EXPECT_EQ(end.first, undisturbed.first);
      EXPECT_EQ(end.second, undisturbed.second);
      EXPECT_EQ(end.head.state(), undisturbed.head.state());
      EXPECT_EQ(end.head.content().root(), undisturbed.head.content().root());
      EXPECT_GE(end.head.epoch(), undisturbed.head.epoch());
    }
  }
}

// The first is cut off in the middle of its writes, with a transaction that is
// on its way; it comes when another has planned.
TEST(CoordinatorTakeover, WhatOneThatWasReplacedHasSentIsRefused) {
  for (int victim = 2; victim <= 4; ++victim) {
    SCOPED_TRACE(absl::StrCat("transaction ", victim));
    asio::io_context thread;
    const auto work = asio::make_work_guard(thread);
    TestFleet fleet;
    fleet.AddNode("source");
    fleet.AddNodes(kNodes);
    fleet.AddDistribution("d");
    Candidate a(thread, fleet, "a");
    bool is_on_its_way = false;
    a.connection().fate = [&](const auto&) {
      if (a.connection().transactions() != victim) return Fate::kAnswered;
      is_on_its_way = true;
      return Fate::kLate;
    };
    while (!is_on_its_way) thread.run_one();
    ASSERT_TRUE(a.coordinator().is_coordinator());
    a.Die();
    Candidate b(thread, fleet, "b");
    b.connection().fate = [&](const auto&) {
      // The first is its key.
      if (b.connection().transactions() > 1) a.connection().CarryOutLate();
      return Fate::kAnswered;
    };
    int64_t looked_at = 0;
    const auto is_decided = [&] {
      if (looked_at == fleet.etcd().revision()) return false;
      looked_at = fleet.etcd().revision();
      return Decide(fleet.State(), {}, absl::Now()).empty();
    };
    while (!is_decided()) thread.run_one();
    EXPECT_TRUE(a.coordinator().is_coordinator()) << "it has heard of nothing";
    EXPECT_EQ(fleet.Parents("d").size(), size_t{kNodes});
    // No edge is of an epoch that the head does not know.
    const FleetState state = fleet.State();
    const Distribution& distribution = state.distributions().at("d");
    for (const auto& [node, record] : distribution.edges) {
      EXPECT_LE(record.value.edge().epoch(), distribution.head->value.epoch());
    }
  }
}

}  // namespace
}  // namespace tcptool::fleet
