// What a link tells of the nodes that it leaves.
#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace tcptool::server
