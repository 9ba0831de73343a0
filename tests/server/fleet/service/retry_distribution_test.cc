// A finished distribution goes on for those who do not have the content.
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/service/serving_node.h"

namespace tcptool::fleet {
namespace {

const std::string kName = "distributions/image";

class RetryDistributionTest : public ::testing::Test {
 protected:
  // With a coordinator's plan for `nodes` nodes.
  void Begin(int nodes,
             api::CreateDistributionRequest request = RequestToAll("image")) {
    fleet_.AddNode("source");
    fleet_.AddNodes(nodes);
    node_.Read();
    ASSERT_TRUE(node_.Create(request).ok());
    fleet_.Coordinate();
  }
  void RunUntilState(api::DistributionState state) {
    node_.RunUntil([&] { return node_.table().Get(kName)->state() == state; });
  }

  asio::io_context thread_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  TestFleet fleet_;
  ServingNode node_{thread_, fleet_};
};

TEST_F(RetryDistributionTest, ThoseThatHaveFailedAreExpectedAgain) {
  Begin(3);
  fleet_.PutDelivery("image", "n1", v1::DELIVERY_STATE_DELIVERED);
  fleet_.PutDelivery("image", "n2", v1::DELIVERY_STATE_FAILED);
  fleet_.PutDelivery("image", "n3", v1::DELIVERY_STATE_CANCELLED);
  fleet_.Coordinate();
  RunUntilState(api::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED);
  const int64_t epoch = fleet_.Head("image").epoch();
  const auto retried = node_.Retry(kName);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->state(), api::DISTRIBUTION_STATE_RUNNING);
  EXPECT_FALSE(retried->has_end_time());
  EXPECT_EQ(retried->counts().expected(), 2);
  EXPECT_EQ(retried->counts().delivered(), 1);
  // The coordinator goes on with it.
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_GE(fleet_.Head("image").epoch(), epoch);
  EXPECT_TRUE(fleet_.Parents("image").contains("n2"));
  EXPECT_TRUE(fleet_.Parents("image").contains("n3"));
  fleet_.PutDelivery("image", "n2", v1::DELIVERY_STATE_DELIVERED);
  fleet_.PutDelivery("image", "n3", v1::DELIVERY_STATE_DELIVERED);
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
}

TEST_F(RetryDistributionTest, OneThatRunsOrHasSucceededStaysAsItIs) {
  Begin(1);
  RunUntilState(api::DISTRIBUTION_STATE_RUNNING);
  const int before = node_.connection().transactions();
  ASSERT_TRUE(node_.Retry(kName).ok());
  fleet_.PutDelivery("image", "n1", v1::DELIVERY_STATE_DELIVERED);
  fleet_.Coordinate();
  RunUntilState(api::DISTRIBUTION_STATE_SUCCEEDED);
  const auto retried = node_.Retry(kName);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->state(), api::DISTRIBUTION_STATE_SUCCEEDED);
  EXPECT_EQ(node_.connection().transactions(), before);
}

TEST_F(RetryDistributionTest, OneThatWasCancelledIsNotCancelledAgain) {
  Begin(1);
  ASSERT_TRUE(node_.Cancel(kName).ok());
  fleet_.Coordinate();
  RunUntilState(api::DISTRIBUTION_STATE_CANCELLED);
  ASSERT_TRUE(node_.Retry(kName).ok());
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_RUNNING);
}

TEST_F(RetryDistributionTest, OneThatHasExpiredHasItsTimeAnew) {
  api::CreateDistributionRequest request = RequestToAll("image");
  request.mutable_distribution()
      ->mutable_spec()
      ->mutable_expire_after()
      ->set_seconds(60);
  fleet_.AddNode("source");
  fleet_.AddNodes(1);
  node_.Read();
  ASSERT_TRUE(node_.Create(request).ok());
  node_.now += absl::Seconds(100);
  fleet_.Coordinate({}, node_.now);
  RunUntilState(api::DISTRIBUTION_STATE_EXPIRED);
  const auto retried = node_.Retry(kName);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->expire_time().seconds(), 1'000'160);
  EXPECT_EQ(retried->spec().expire_after().seconds(), 60);
  fleet_.Coordinate({}, node_.now);
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_RUNNING);
}

TEST_F(RetryDistributionTest, ASourceThatHasFailedReadsItsFileAgain) {
  Begin(1);
  fleet_.PutDelivery("image", "source", v1::DELIVERY_STATE_FAILED);
  fleet_.Coordinate();
  RunUntilState(api::DISTRIBUTION_STATE_FAILED);
  ASSERT_TRUE(node_.Retry(kName).ok());
  fleet_.PutDelivery("image", "source", v1::DELIVERY_STATE_DELIVERED, 'x');
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(fleet_.Head("image").content().root(), std::string(32, 'x'));
}

TEST_F(RetryDistributionTest, AFileThatNobodyElseHasMayBeAnotherOneByNow) {
  Begin(1);
  fleet_.PutDelivery("image", "source", v1::DELIVERY_STATE_DELIVERED);
  fleet_.PutDelivery("image", "n1", v1::DELIVERY_STATE_FAILED);
  fleet_.Coordinate();
  RunUntilState(api::DISTRIBUTION_STATE_FAILED);
  ASSERT_TRUE(node_.Retry(kName).ok());
  fleet_.Coordinate();
  EXPECT_FALSE(fleet_.Head("image").has_content());
  fleet_.PutDelivery("image", "source", v1::DELIVERY_STATE_DELIVERED, 'x');
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(fleet_.Head("image").content().root(), std::string(32, 'x'));
}

// More records than fit into a transaction of etcd's.
TEST_F(RetryDistributionTest, AllOfManyAreTriedAgain) {
  Begin(250);
  for (int i = 1; i <= 250; ++i) {
    fleet_.PutDelivery("image", absl::StrCat("n", i),
                       v1::DELIVERY_STATE_FAILED);
  }
  fleet_.Coordinate();
  RunUntilState(api::DISTRIBUTION_STATE_FAILED);
  const auto retried = node_.Retry(kName);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->state(), api::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(retried->counts().expected(), 250);
}

TEST_F(RetryDistributionTest, AnUnknownOutcomeIsReadBack) {
  for (const Fate fate : {Fate::kAnswerLost, Fate::kRequestLost}) {
    fleet_.AddNode("source");
    fleet_.AddNodes(1);
    node_.Read();
    ASSERT_TRUE(node_.Create(RequestToAll("image")).ok());
    fleet_.Coordinate();
    fleet_.PutDelivery("image", "n1", v1::DELIVERY_STATE_FAILED);
    fleet_.Coordinate();
    RunUntilState(api::DISTRIBUTION_STATE_FAILED);
    const std::string etag = node_.table().Get(kName)->etag();
    node_.connection().fate = [this, fate](const etcdserverpb::TxnRequest&) {
      node_.connection().fate = nullptr;
      return fate;
    };
    const auto retried = node_.Retry(kName, etag);
    ASSERT_TRUE(retried.ok()) << retried.status();
    EXPECT_EQ(retried->state(), api::DISTRIBUTION_STATE_RUNNING);
    ASSERT_TRUE(node_.Delete(kName, true).ok());
  }
}

}  // namespace
}  // namespace tcptool::fleet
