#include "server/fleet/coordinator/transactions.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

class TransactionsTest : public ::testing::Test {
 protected:
  TransactionsTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(250);
    fleet_.AddDistribution("d");
    fleet_.etcd().Put(fleet_.keys().Coordinator(), "");
    term_ = fleet_.etcd().revision();
    transactions_ = TransactionsOf(
        fleet_.keys(), Decide(fleet_.State(), {}, absl::Now())[0], term_);
  }
  bool Carry(const DistributionTransaction& transaction) {
    const auto response = fleet_.etcd().Txn(transaction.request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response->succeeded();
  }
  void ExpectAllAreRefused() {
    for (const DistributionTransaction& transaction : transactions_) {
      EXPECT_FALSE(Carry(transaction));
    }
  }

  TestFleet fleet_;
  int64_t term_ = 0;
  std::deque<DistributionTransaction> transactions_;
};

TEST_F(TransactionsTest, HaveAtMost120EdgesEachAndThenTheHead) {
  ASSERT_EQ(transactions_.size(), 4U);
  EXPECT_EQ(transactions_[0].request.success_size(), 120);
  EXPECT_EQ(transactions_[1].request.success_size(), 120);
  EXPECT_EQ(transactions_[2].request.success_size(), 10);
  EXPECT_EQ(transactions_[3].request.success_size(), 1);
  EXPECT_EQ(transactions_[3].request.success(0).request_put().key(),
            fleet_.keys().Head("d"));
  for (const DistributionTransaction& transaction : transactions_) {
    EXPECT_EQ(transaction.distribution, "d");
    EXPECT_TRUE(Carry(transaction));
  }
  EXPECT_EQ(fleet_.Parents("d").size(), 250U);
}

TEST_F(TransactionsTest, BringNothingIntoForceBeforeTheHead) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Carry(transactions_[i]));
    EXPECT_TRUE(fleet_.Parents("d").empty());
  }
}

TEST_F(TransactionsTest, AreRefusedWhenAnotherIsTheCoordinator) {
  fleet_.etcd().Delete(fleet_.keys().Coordinator());
  ExpectAllAreRefused();
  fleet_.etcd().Put(fleet_.keys().Coordinator(), "");
  ExpectAllAreRefused();
}

TEST_F(TransactionsTest, AreRefusedWhenTheDistributionIsDeleted) {
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  ExpectAllAreRefused();
  // Another of that name is not this one.
  fleet_.AddDistribution("d");
  ExpectAllAreRefused();
}

TEST_F(TransactionsTest, AreRefusedWhenTheHeadIsAnother) {
  fleet_.etcd().Put(fleet_.keys().Head("d"), "");
  ExpectAllAreRefused();
}

TEST_F(TransactionsTest, AreRefusedAfterAFence) {
  const auto fence = [this] {
    const FleetState state = fleet_.State();
    EXPECT_TRUE(
        Carry(Fence(fleet_.keys(), "d", state.distributions().at("d"), term_)));
  };
  fence();
  ExpectAllAreRefused();
  const v1::Head empty = fleet_.Head("d");
  EXPECT_EQ(empty.state(), v1::DISTRIBUTION_STATE_PLANNING);
  EXPECT_EQ(empty.epoch(), 0);

  fleet_.Coordinate();
  fleet_.etcd().Put(fleet_.keys().Coordinator(), "");
  const v1::Head before = fleet_.Head("d");
  term_ =
      fleet_.etcd().keys().at(fleet_.keys().Coordinator()).create_revision();
  fence();
  EXPECT_EQ(fleet_.Head("d").SerializeAsString(), before.SerializeAsString());
}

TEST_F(TransactionsTest, DeleteAnEdgeThatIsTakenBack) {
  DistributionChange change;
  change.distribution = "d";
  change.spec_create_revision =
      fleet_.State().distributions().at("d").spec->create_revision;
  change.edges.push_back({.node = "n1"});
  change.head.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  fleet_.etcd().Put(fleet_.keys().Edge("d", "n1"), "x");
  for (const auto& transaction : TransactionsOf(fleet_.keys(), change, term_)) {
    EXPECT_TRUE(Carry(transaction));
  }
  EXPECT_FALSE(fleet_.etcd().keys().contains(fleet_.keys().Edge("d", "n1")));
}

}  // namespace
}  // namespace tcptool::fleet
