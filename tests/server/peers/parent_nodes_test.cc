// What becomes of a reception's link when it is given other nodes.
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/server/peers/parent_links.h"

namespace tcptool::server {
namespace {

using Connection = absl::StatusOr<dataplane::UpstreamConnection>;

class ParentNodesTest : public ParentLinkTest {
 protected:
  bool is_left() {
    absl::MutexLock lock(&mutex_);
    return !left_.ok();
  }

  ScriptedSender first_data_;
  const ScriptedNode first_{Serve(first_data_)};
};

TEST_F(ParentNodesTest, MovesToThePreferredOneOnceThatHasMore) {
  const ScriptedNode other(Serve(data_, Having(9), Having(9)));
  position_ = 7;
  Open({first_.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  link_->SetNodes({other.node()});
  const absl::Status left = WaitUntilLeft();
  EXPECT_TRUE(absl::IsUnavailable(left)) << left;
  ASSERT_TRUE(Connect(7, left).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
  EXPECT_EQ(other.requests().back().offset(), 7);
  EXPECT_EQ(first_.requests().size(), 1u);
}

TEST_F(ParentNodesTest, StaysWhereThePreferredOneHasNoMore) {
  const ScriptedNode other(Serve(data_, Having(7), Having(7)));
  position_ = 7;
  Open({first_.node()}, absl::Hours(1),
       {.choice = {.first_pause = std::chrono::milliseconds(10)}});
  ASSERT_TRUE(Connect(0).ok());
  link_->SetNodes({other.node()});
  ASSERT_TRUE(Happens([&] { return other.requests().size() >= 3; }));
  EXPECT_FALSE(is_left());
  EXPECT_FALSE(link_->route().is_stranded);
  EXPECT_EQ(first_.requests().size(), 1u);
}

TEST_F(ParentNodesTest, KeepsAllWhereThePreferredOneIsTheSame) {
  const ScriptedNode other(Serve(data_));
  Open({first_.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  link_->SetNodes({first_.node(), other.node()});
  Run([this] { looks_at_position_ = 0; });
  ASSERT_TRUE(Happens([this] { return looks_at_position_ >= 5; }));
  EXPECT_FALSE(is_left());
  EXPECT_EQ(other.requests().size(), 0u);
  // The other one is its fallback from now on.
  ASSERT_TRUE(Connect(0, absl::UnavailableError("reset")).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
}

TEST_F(ParentNodesTest, GoesOverAtOnceWhereNobodyServes) {
  const ScriptedNode silent(
      [](const FollowRequest&, grpc::ServerContext& context,
         grpc::ServerWriter<FollowResponse>&) { return Hold(context); });
  const ScriptedNode other(Serve(data_));
  Open({silent.node()}, absl::Hours(1));
  absl::Notification connected;
  asio::post(lane_.io(), [&] {
    link_->Connect(lane_, 0, {}, [&](const Connection& connection) {
      EXPECT_TRUE(connection.ok()) << connection.status();
      connected.Notify();
    });
  });
  ASSERT_TRUE(Happens([&] { return silent.requests().size() == 1; }));
  link_->SetNodes({other.node(), silent.node()});
  EXPECT_TRUE(connected.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST_F(ParentNodesTest, GoesBackToOneThatHadNotBegunOnceThatHasMore) {
  std::atomic<bool> has_begun = false;
  const ScriptedNode::Script serve = Serve(data_, Having(9), Having(9));
  const ScriptedNode waiting(
      [&has_begun, &serve](const FollowRequest& request,
                           grpc::ServerContext& context,
                           grpc::ServerWriter<FollowResponse>& writer) {
        if (has_begun) return serve(request, context, writer);
        return grpc::Status(grpc::StatusCode::NOT_FOUND, "it waits");
      });
  std::vector<NodePlan::Node> nodes = {waiting.node(), first_.node()};
  for (NodePlan::Node& node : nodes) node.name = "distributions/d";
  position_ = 7;
  Open(nodes, absl::Hours(1),
       {.choice = {.not_begun = std::chrono::seconds(0)}});
  ASSERT_TRUE(Connect(0).ok());
  EXPECT_EQ(first_data_.AcceptAndReadByte(), 't');
  has_begun = true;
  ASSERT_TRUE(Connect(7, WaitUntilLeft()).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
}

// As a reception asks for another connection, at once.
TEST_F(ParentNodesTest, MoveIsOneCallAndNoSignOfTrouble) {
  const ScriptedNode other(Serve(data_, Having(9), Having(9)));
  position_ = 7;
  absl::Notification connected;
  on_leave_ = [&](const absl::Status& reason) {
    link_->Connect(lane_, 7, reason, [&](const Connection& connection) {
      EXPECT_TRUE(connection.ok()) << connection.status();
      connected.Notify();
    });
  };
  Open({first_.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  link_->SetNodes({other.node()});
  ASSERT_TRUE(connected.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_EQ(other.requests().size(), 2u) << "Whether it has more, and then it.";
  EXPECT_FALSE(link_->route().is_stranded);
}

TEST_F(ParentNodesTest, WhoHasLiedIsNotFollowedAgainWhereNobodyServes) {
  const ScriptedNode silent(
      [](const FollowRequest&, grpc::ServerContext& context,
         grpc::ServerWriter<FollowResponse>&) { return Hold(context); });
  const ScriptedNode other(Serve(data_));
  Open({first_.node(), silent.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  absl::Notification connected;
  asio::post(lane_.io(), [&] {
    link_->Connect(lane_, 0, absl::FailedPreconditionError("a lie"),
                   [&](const Connection& connection) {
                     EXPECT_TRUE(connection.ok()) << connection.status();
                     connected.Notify();
                   });
  });
  ASSERT_TRUE(Happens([&] { return silent.requests().size() == 1; }));
  link_->SetNodes({first_.node()});
  Run([] {});  // It has taken them.
  link_->SetNodes({first_.node(), other.node()});
  ASSERT_TRUE(connected.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_EQ(first_.requests().size(), 1u);
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST_F(ParentNodesTest, WhoHasLiedIsNotFollowedAgainWhereNobodyElseIs) {
  FollowResponse alone;
  alone.set_stranded(true);
  const ScriptedNode other(Serve(data_, alone, alone));
  Open({first_.node(), other.node()}, absl::Hours(1),
       {.choice = {.stranded = std::chrono::milliseconds(10)}});
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Connect(0, absl::FailedPreconditionError("a lie")).ok());
  link_->SetNodes({first_.node()});
  Run([this] { looks_at_position_ = 0; });
  ASSERT_TRUE(Happens([this] { return looks_at_position_ >= 9; }));
  EXPECT_TRUE(link_->route().is_stranded);
  EXPECT_EQ(first_.requests().size(), 1u);
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST_F(ParentNodesTest, BeginsWithThoseThatItWasGivenBefore) {
  const ScriptedNode other(Serve(data_));
  Open({first_.node()}, absl::Hours(1));
  link_->SetNodes({other.node()});
  ASSERT_TRUE(Connect(0).ok());
  EXPECT_EQ(other.requests().size(), 1u);
  EXPECT_EQ(first_.requests().size(), 0u);
}

}  // namespace
}  // namespace tcptool::server
