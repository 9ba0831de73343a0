// What a link tells of the nodes that it receives from.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/server/peers/parent_links.h"

namespace tcptool::server {
namespace {

class ParentMovesTest : public ParentLinkTest {
 protected:
  ScriptedSender first_data_;
  const ScriptedNode first_{Serve(first_data_)};
};

TEST_F(ParentMovesTest, TellsWhomItHasLeftAndWhy) {
  const ScriptedNode other(Serve(data_));
  Open({first_.node(), other.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  EXPECT_TRUE(moves_.Take("receptions/r").empty());
  ASSERT_TRUE(Connect(5, absl::UnavailableError("it was reset")).ok());
  const ParentMoves::Moves moves = moves_.Take("receptions/r");
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].from, NameOf(first_.node().target));
  EXPECT_EQ(moves[0].to, NameOf(other.node().target));
  EXPECT_EQ(moves[0].offset, 5u);
  EXPECT_TRUE(moves[0].is_fault);
  EXPECT_NE(moves[0].reason.find("it was reset"), std::string::npos)
      << moves[0].reason;
}

TEST_F(ParentMovesTest, TellsThatThePreferredOneDoesNotServeAtFirst) {
  const ScriptedNode refusing([](const FollowRequest&, grpc::ServerContext&,
                                 grpc::ServerWriter<FollowResponse>&) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such thing");
  });
  const ScriptedNode other(Serve(data_));
  Open({refusing.node(), other.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  const ParentMoves::Moves moves = moves_.Take("receptions/r");
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].from, NameOf(refusing.node().target));
  EXPECT_TRUE(moves[0].is_fault);
}

// It may have others to receive first.
TEST_F(ParentMovesTest, ANodeThatHasNotBegunWithADistributionIsNotAtFault) {
  const ScriptedNode waiting(Refuse(grpc::StatusCode::NOT_FOUND));
  const ScriptedNode other(Serve(data_));
  const ScriptedNode third(Serve(data_));
  std::vector<NodePlan::Node> nodes = {waiting.node(), other.node(),
                                       third.node()};
  for (NodePlan::Node& node : nodes) node.name = "distributions/d";
  ParentLink::Timing timing;
  timing.choice.not_begun = std::chrono::seconds(0);
  Open(nodes, absl::Hours(1), timing);
  ASSERT_TRUE(Connect(0).ok());
  const ParentMoves::Moves moves = moves_.Take("receptions/r");
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].from, NameOf(waiting.node().target));
  EXPECT_FALSE(moves[0].is_fault);
  // That is no reason to leave the next one.
  ASSERT_TRUE(Connect(9, absl::UnavailableError("it was reset")).ok());
  const ParentMoves::Moves later = moves_.Take("receptions/r");
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].from, NameOf(other.node().target));
  EXPECT_TRUE(later[0].is_fault);
}

TEST_F(ParentMovesTest, ANodeThatIsLeftForThePlanIsNotAtFault) {
  const ScriptedNode other(Serve(data_, Having(9), Having(9)));
  position_ = 7;
  Open({first_.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  link_->SetNodes({other.node()});
  ASSERT_TRUE(Connect(7, WaitUntilLeft()).ok());
  const ParentMoves::Moves moves = moves_.Take("receptions/r");
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].from, NameOf(first_.node().target));
  EXPECT_FALSE(moves[0].is_fault);
}

TEST_F(ParentMovesTest, APlannedNodeThatFailsBeforeItSendsIsAtFault) {
  const ScriptedNode::Script serve = Serve(data_, Having(9), Having(9));
  std::atomic<int> calls{0};
  // It has shown that it has more, and then gives no ticket.
  const ScriptedNode failing([&](const FollowRequest& request,
                                 grpc::ServerContext& context,
                                 grpc::ServerWriter<FollowResponse>& writer) {
    if (calls++ == 0) return serve(request, context, writer);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "it has failed");
  });
  const ScriptedNode third(Serve(data_));
  position_ = 7;
  Open({first_.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  link_->SetNodes({failing.node(), third.node()});
  ASSERT_TRUE(Connect(7, WaitUntilLeft()).ok());
  const ParentMoves::Moves moves = moves_.Take("receptions/r");
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].from, NameOf(failing.node().target));
  EXPECT_EQ(moves[0].to, NameOf(third.node().target));
  EXPECT_TRUE(moves[0].is_fault);
}

TEST_F(ParentMovesTest, TellsHowFastItReceivesFromANodeThatHasMore) {
  FollowResponse having = Having(9);
  having.set_bytes_per_second(5000);
  const ScriptedNode node(Serve(data_, having, having));
  Open({node.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  std::optional<ParentRate> rate;
  ASSERT_TRUE(Happens(
      [&] { return (rate = moves_.TakeRate("receptions/r")).has_value(); }));
  EXPECT_EQ(rate->parent, NameOf(node.node().target));
  EXPECT_GE(rate->rate.busy, std::chrono::milliseconds(200));
  EXPECT_EQ(rate->rate.bytes, 0u);
  EXPECT_EQ(rate->allowed, 5000u);
  // It has no more than has come: only what is the least is known from then on.
  position_ = 9;
  uint64_t bytes = 0;
  ASSERT_TRUE(Happens([&] {
    rate = moves_.TakeRate("receptions/r");
    if (!rate) return false;
    bytes += rate->rate.observed_bytes;
    return rate->rate.busy == std::chrono::milliseconds(0);
  }));
  EXPECT_GE(rate->rate.observed, std::chrono::milliseconds(200));
  EXPECT_EQ(rate->rate.bytes, 0u);
  EXPECT_EQ(bytes, 9u);
}

TEST(ParentMovesOfReceptionsTest, AllMovesAreCounted) {
  ParentMoves moves;
  moves.Add("receptions/r", {.reason = "the connection was reset"});
  moves.Expect("receptions/r");
  moves.Add("receptions/r", {.reason = "it is silent"});
  moves.Add("receptions/r", {.reason = "as planned", .is_fault = false});
  EXPECT_EQ(moves.Take("receptions/r").size(), 2u);
  moves.Forget("receptions/r");
  EXPECT_EQ(moves.Count().by_fault, 2u);
  EXPECT_EQ(moves.Count().by_plan, 1u);
}

TEST(ParentMovesOfReceptionsTest, RatesOfOneParentAreAddedUp) {
  ParentMoves moves;
  const auto add = [&moves](const std::string& parent, uint64_t allowed = 0) {
    moves.AddRate("receptions/r", {.parent = parent,
                                   .rate = {.busy = std::chrono::seconds(1),
                                            .bytes = 5,
                                            .observed = std::chrono::seconds(3),
                                            .observed_bytes = 7},
                                   .allowed = allowed});
  };
  add("a:1");
  EXPECT_FALSE(moves.TakeRate("receptions/r")) << "Nobody expects it.";
  moves.Expect("receptions/r");
  add("a:1");
  add("a:1");
  auto taken = moves.TakeRate("receptions/r");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->parent, "a:1");
  EXPECT_EQ(taken->rate.busy, std::chrono::seconds(2));
  EXPECT_EQ(taken->rate.bytes, 10u);
  EXPECT_EQ(taken->rate.observed, std::chrono::seconds(6));
  EXPECT_EQ(taken->rate.observed_bytes, 14u);
  EXPECT_EQ(taken->allowed, 0u);
  EXPECT_FALSE(moves.TakeRate("receptions/r"));
  // The least that it was allowed, while that was known.
  for (const uint64_t allowed : {0, 9, 7, 8, 0}) add("a:1", allowed);
  taken = moves.TakeRate("receptions/r");
  EXPECT_EQ(taken->rate.bytes, 25u);
  EXPECT_EQ(taken->allowed, 7u);
  add("a:1", 7);
  add("b:1");
  taken = moves.TakeRate("receptions/r");
  EXPECT_EQ(taken->rate.bytes, 5u);
  EXPECT_EQ(taken->allowed, 0u);
}

}  // namespace
}  // namespace tcptool::server
