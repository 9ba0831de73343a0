// Who has which record, and what the sums over all recipients are.
#include "dataplane/session/roster.h"

#include <gtest/gtest.h>

#include <string_view>

#include "absl/time/clock.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;

constexpr std::string_view kHost = "192.0.2.1";
constexpr std::string_view kOther = "192.0.2.2";

tcp::endpoint At(std::string_view host, uint16_t port = 1000) {
  return {asio::ip::make_address(host), port};
}

class RosterTest : public testing::Test {
 protected:
  // A roster that expects "a" and "b", from one host each.
  Roster Expecting() {
    return Roster({{asio::ip::make_address(kHost), "a"},
                   {asio::ip::make_address(kOther), "b"}},
                  0, counters);
  }
  static RecipientStatus In(RecipientStatus connection, RecipientState state) {
    connection.state = state;
    if (state == RecipientState::kTransferring) {
      connection.start_time = absl::Now();
    }
    return connection;
  }
  static RecipientStatus Ready(Roster& roster, const RecipientStatus& peer) {
    RecipientStatus connection =
        In(roster.Connect(peer), RecipientState::kReady);
    roster.Update(connection);
    return connection;
  }
  static RecipientStatus Ready(Roster& roster, const tcp::endpoint& peer) {
    return Ready(roster, RecipientStatus{.peer = peer});
  }
  static RecipientStatus ReadyNode(Roster& roster, const tcp::endpoint& peer) {
    return Ready(roster, RecipientStatus{.peer = peer, .node = "node"});
  }
  static void Fail(Roster& roster, RecipientStatus connection) {
    connection.state = RecipientState::kFailed;
    connection.reason = Reason::kConnectionLost;
    roster.Update(connection);
  }

  Counters counters;
};

TEST_F(RosterTest, ExpectedRecipientTakesItsPlaceWithItsLabel) {
  Roster roster = Expecting();
  EXPECT_EQ(roster.count(RecipientState::kExpected), 2u);
  const RecipientStatus connection = Ready(roster, At(kOther, 7));
  EXPECT_EQ(roster.Find(2)->label, "b");
  EXPECT_EQ(roster.Find(2)->peer, At(kOther, 7));
  EXPECT_EQ(roster.ConnectionOf(2), connection.id);
  EXPECT_FALSE(roster.AllExpectedAreReady());
  Ready(roster, At(kHost));
  EXPECT_TRUE(roster.AllExpectedAreReady());
}

TEST_F(RosterTest, OthersGetNewRecords) {
  Roster roster = Expecting();
  Ready(roster, At("192.0.2.3"));
  EXPECT_EQ(roster.Find(3)->label, "");
  EXPECT_EQ(roster.count(RecipientState::kExpected), 2u);
}

TEST_F(RosterTest, IdsOfARunBeforeAreNotUsedAgain) {
  Roster roster({}, 7, counters);
  Ready(roster, At(kHost));
  EXPECT_EQ(roster.Find(7), nullptr);
  EXPECT_EQ(roster.Find(8)->state, RecipientState::kReady);
}

TEST_F(RosterTest, PlaceGoesToTheOneThatCompletesTheHandshake) {
  Roster roster = Expecting();
  const RecipientStatus silent = roster.Connect(At(kHost, 1));
  const RecipientStatus real = Ready(roster, At(kHost, 2));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
  EXPECT_EQ(roster.Find(1)->peer.port(), 2);
  EXPECT_EQ(roster.Find(1)->label, "a");
  EXPECT_EQ(roster.ConnectionOf(1), real.id);
  // The silent one has the other record, and what it does is found there.
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kHandshaking);
  EXPECT_EQ(roster.Find(3)->label, "");
  Fail(roster, silent);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(3)->peer.port(), 1);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
}

TEST_F(RosterTest, PlaceThatFallsVacantGoesToOneThatIsReady) {
  Roster roster = Expecting();
  const RecipientStatus ghost = Ready(roster, At(kHost, 1));
  const RecipientStatus again = Ready(roster, At(kHost, 2));
  Ready(roster, At(kOther));
  EXPECT_EQ(roster.Find(1)->peer.port(), 1);
  EXPECT_EQ(roster.Find(3)->peer.port(), 2);
  Fail(roster, ghost);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
  EXPECT_EQ(roster.ConnectionOf(1), again.id);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kFailed);
  EXPECT_EQ(roster.ConnectionOf(3), 0u);
  EXPECT_TRUE(roster.AllExpectedAreReady());
}

TEST_F(RosterTest, PlaceOfOneThatLeftGoesToTheNextThatConnects) {
  Roster roster = Expecting();
  Fail(roster, Ready(roster, At(kHost, 1)));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kFailed);
  const RecipientStatus again = roster.Connect(At(kHost, 2));
  EXPECT_EQ(roster.ConnectionOf(1), again.id);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kHandshaking);
  EXPECT_EQ(roster.count(RecipientState::kFailed), 0u);
}

TEST_F(RosterTest, PlaceOfOneThatIsDeliveredIsTakenForGood) {
  Roster roster = Expecting();
  roster.Update(In(Ready(roster, At(kHost, 1)), RecipientState::kDelivered));
  Ready(roster, At(kHost, 2));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kDelivered);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kReady);
}

// A host that has lost power has come back, and has the content, before its old
// connection is found out.
TEST_F(RosterTest, PlaceThatFallsVacantGoesToOneThatIsDelivered) {
  Roster roster = Expecting();
  RecipientStatus ghost =
      In(Ready(roster, At(kHost, 1)), RecipientState::kTransferring);
  roster.Update(ghost);
  roster.Update(In(Ready(roster, At(kHost, 2)), RecipientState::kDelivered));
  roster.Update(In(Ready(roster, At(kOther)), RecipientState::kDelivered));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kTransferring);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kDelivered);
  EXPECT_FALSE(roster.AllExpectedAreDelivered());
  Fail(roster, ghost);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kDelivered);
  EXPECT_EQ(roster.Find(1)->label, "a");
  EXPECT_EQ(roster.Find(1)->peer.port(), 2);
  EXPECT_EQ(roster.Find(1)->attempt, 2u);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kFailed);
  // What it was told of as DELIVERED is an attempt that has ended.
  EXPECT_EQ(roster.Find(3)->attempt, 2u);
  EXPECT_TRUE(roster.AllExpectedAreDelivered());
  EXPECT_EQ(roster.outcome().missing, 0u);
  EXPECT_EQ(roster.count(RecipientState::kDelivered), 2u);
  EXPECT_EQ(roster.connected(), 0u);
}

TEST_F(RosterTest, VacantPlaceGoesToOneThatIsDeliveredBeforeOthers) {
  Roster roster = Expecting();
  const RecipientStatus ghost = Ready(roster, At(kHost, 1));
  const RecipientStatus slow = Ready(roster, At(kHost, 2));
  roster.Update(In(Ready(roster, At(kHost, 3)), RecipientState::kDelivered));
  Fail(roster, ghost);
  EXPECT_EQ(roster.Find(1)->peer.port(), 3);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kDelivered);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kReady);
  EXPECT_EQ(roster.ConnectionOf(3), slow.id);
}

TEST_F(RosterTest, ManyFromOneAddressFillItsPlacesInOrder) {
  const asio::ip::address host = asio::ip::make_address(kHost);
  Roster roster({{host, "a"}, {host, "b"}}, 0, counters);
  roster.Connect(At(kHost, 1));
  roster.Connect(At(kHost, 2));
  Ready(roster, At(kHost, 3));
  Ready(roster, At(kHost, 4));
  EXPECT_TRUE(roster.AllExpectedAreReady());
  EXPECT_EQ(roster.Find(1)->peer.port(), 3);
  EXPECT_EQ(roster.Find(2)->peer.port(), 4);
}

TEST_F(RosterTest, SumsFollowEachConnection) {
  Roster roster({}, 0, counters);
  RecipientStatus one =
      In(Ready(roster, At(kHost)), RecipientState::kTransferring);
  RecipientStatus other =
      In(Ready(roster, At(kOther)), RecipientState::kTransferring);
  one.bytes_sent = 10;
  one.bytes_acked = 5;
  other.bytes_sent = other.bytes_acked = 3;
  roster.Update(one);
  roster.Update(other);
  EXPECT_EQ(roster.connected(), 2u);
  one.bytes_acked = 10;
  one.state = RecipientState::kDelivered;
  roster.Update(one);
  SessionStatus session;
  roster.Sum(session);
  EXPECT_EQ(session.bytes_sent, 13u);
  EXPECT_EQ(session.bytes_acked, 13u);
  EXPECT_EQ(session.count(RecipientState::kDelivered), 1u);
  EXPECT_EQ(session.count(RecipientState::kTransferring), 1u);
  EXPECT_EQ(roster.connected(), 1u);
  EXPECT_EQ(counters.Read().bytes_acked, 13u);
}

TEST_F(RosterTest, ReadyConnectionsAreThoseThatAreStillThere) {
  Roster roster({}, 0, counters);
  const RecipientStatus silent = roster.Connect(At(kHost));
  const RecipientStatus gone = Ready(roster, At(kHost));
  const RecipientStatus there = Ready(roster, At(kHost));
  Fail(roster, gone);
  EXPECT_TRUE(roster.IsHandshaking(silent.id));
  EXPECT_FALSE(roster.IsHandshaking(gone.id));
  EXPECT_FALSE(roster.IsHandshaking(there.id));
  EXPECT_EQ(roster.ReadyConnections(), std::vector<uint64_t>{there.id});
}

TEST_F(RosterTest, FinalStateStays) {
  Roster roster({}, 0, counters);
  const RecipientStatus gone = Ready(roster, At(kHost));
  Fail(roster, gone);
  roster.Update(gone);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kFailed);
}

TEST_F(RosterTest, PlaceThatIsTakenAgainCountsItsNewConnectionAlone) {
  Roster roster = Expecting();
  RecipientStatus lost =
      In(Ready(roster, At(kHost)), RecipientState::kTransferring);
  lost.bytes_sent = lost.bytes_acked = 10;
  Fail(roster, lost);
  roster.Connect(At(kHost));
  SessionStatus session;
  roster.Sum(session);
  EXPECT_EQ(session.bytes_sent, 0u);
  // What was sent stays in what the process counts.
  EXPECT_EQ(counters.Read().bytes_sent, 10u);
}

TEST_F(RosterTest, ChangesAreToldOnceInOrder) {
  Roster roster = Expecting();
  ASSERT_EQ(roster.changed().size(), 2u);
  roster.ClearChanges();
  Ready(roster, At(kHost));
  ASSERT_EQ(roster.changed().size(), 2u);
  EXPECT_EQ(roster.changed()[0].state, RecipientState::kHandshaking);
  EXPECT_EQ(roster.changed()[1].state, RecipientState::kReady);
  EXPECT_EQ(roster.changed()[1].id, 1u);
  roster.ClearChanges();
  EXPECT_TRUE(roster.changed().empty());
}

TEST_F(RosterTest, ThoseThatLeaveBeforeTheyAreServedAreForgottenButCounted) {
  Roster roster({}, 0, counters);
  for (size_t i = 0; i < Roster::kMaxStrangers; ++i) {
    roster.Reject(At(kHost), Reason::kNotAuthorized, "no");
  }
  EXPECT_TRUE(roster.forgotten().empty());
  Fail(roster, Ready(roster, At(kHost)));
  EXPECT_EQ(roster.forgotten(), std::vector<uint64_t>{1});
  EXPECT_EQ(roster.Find(1), nullptr);
  EXPECT_EQ(roster.ConnectionOf(1), 0u);
  EXPECT_EQ(roster.count(RecipientState::kRejected), Roster::kMaxStrangers);
  EXPECT_EQ(roster.count(RecipientState::kFailed), 1u);
}

TEST_F(RosterTest, NodeGoesOnInItsPlace) {
  Roster roster = Expecting();
  Fail(roster, ReadyNode(roster, At(kHost, 1)));
  const RecipientStatus again = ReadyNode(roster, At(kHost, 2));
  EXPECT_EQ(roster.ConnectionOf(1), again.id);
  EXPECT_EQ(roster.Find(1)->attempt, 2u);
  EXPECT_EQ(roster.Find(3), nullptr);
}

TEST_F(RosterTest, NodeGetsNoPlaceByAnAddressThatNobodyExpects) {
  Roster roster = Expecting();
  Fail(roster, ReadyNode(roster, At(kHost)));
  const RecipientStatus again = ReadyNode(roster, At("192.0.2.3"));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(1)->peer, At(kHost));
  EXPECT_EQ(roster.ConnectionOf(3), again.id);
  EXPECT_EQ(roster.Find(3)->label, "");
  EXPECT_EQ(roster.ConnectionOfNode("node"), again.id);
  roster.Update(In(again, RecipientState::kDelivered));
  EXPECT_EQ(roster.outcome().delivered, 0u);
  EXPECT_EQ(roster.outcome().missing, 2u);
  EXPECT_EQ(roster.missing_nodes(), 0u);
  // The place is there for its address.
  Ready(roster, At(kHost, 2));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
}

TEST_F(RosterTest, NodeTakesThePlaceOfTheAddressThatItComesFrom) {
  Roster roster = Expecting();
  Fail(roster, ReadyNode(roster, At(kHost)));
  roster.Update(In(ReadyNode(roster, At(kOther)), RecipientState::kDelivered));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(1)->label, "a");
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kDelivered);
  EXPECT_EQ(roster.Find(2)->label, "b");
  EXPECT_EQ(roster.Find(2)->peer, At(kOther));
  EXPECT_EQ(roster.Find(2)->attempt, 1u);
  // Whoever comes from there too has no place to fill.
  roster.Update(In(Ready(roster, At(kOther, 2)), RecipientState::kDelivered));
  EXPECT_FALSE(roster.AllExpectedAreDelivered());
  EXPECT_EQ(roster.outcome().delivered, 1u);
  EXPECT_EQ(roster.outcome().missing, 1u);
}

TEST_F(RosterTest, NodeThatHadNoPlaceLeavesItsRecordForOne) {
  Roster roster = Expecting();
  Fail(roster, ReadyNode(roster, At("192.0.2.3")));
  const RecipientStatus again = ReadyNode(roster, At(kHost));
  EXPECT_EQ(roster.ConnectionOf(1), again.id);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kFailed);
  EXPECT_EQ(roster.count(RecipientState::kExpected), 1u);
}

TEST_F(RosterTest, NodeComesAgainForNothingOnlySoOften) {
  Roster roster({}, 0, counters);
  uint64_t position = 0;
  const auto come_and_go = [&roster, &position] {
    RecipientStatus status =
        roster.Connect(RecipientStatus{.peer = {}, .node = "a"});
    status.state = RecipientState::kFailed;
    roster.Update(status);
    return roster.NoteLost("a", position);
  };
  EXPECT_FALSE(roster.NoteLost("a", 0));
  EXPECT_TRUE(come_and_go());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < Roster::kMostReturns; ++i) {
      EXPECT_TRUE(roster.MayReturn("a")) << i;
      position += i == 0 ? Roster::kProgress - 1 : 0;
      EXPECT_FALSE(come_and_go());
    }
    EXPECT_FALSE(roster.MayReturn("a"));
    position += 1;
    EXPECT_TRUE(roster.NoteLost("a", position));
    EXPECT_TRUE(roster.MayReturn("a"));
  }
  // Nor are those counted while another one is connected, which keeps the
  // session from its end by itself.
  roster.Connect(RecipientStatus{.peer = {}, .node = "b"});
  for (int i = 0; i < 2 * Roster::kMostReturns; ++i) {
    EXPECT_FALSE(come_and_go());
    EXPECT_TRUE(roster.MayReturn("a")) << i;
  }
}

}  // namespace
}  // namespace tcptool::dataplane
