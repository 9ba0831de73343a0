// Places of those that are known by a name in their certificate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "absl/time/clock.h"
#include "dataplane/session/roster.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::Not;

tcp::endpoint At(std::string_view host, uint16_t port = 1000) {
  return {asio::ip::make_address(host), port};
}

constexpr std::string_view kNat = "192.0.2.1";  // All come from there.

class RosterIdentityTest : public testing::Test {
 protected:
  RecipientStatus Report(Roster& roster, RecipientStatus connection,
                         RecipientState state) {
    connection.state = state;
    if (state == RecipientState::kTransferring) {
      connection.start_time = absl::Now();
    }
    roster.Update(connection);
    return connection;
  }
  // As a fan-out does it: the names are known with the byte.
  RecipientStatus Ready(Roster& roster, RecipientStatus connection,
                        std::vector<std::string> names) {
    if (!names.empty()) {
      connection.identity = names.front();
      connection.names =
          std::make_shared<const std::vector<std::string>>(std::move(names));
    }
    return Report(roster, connection, RecipientState::kReady);
  }
  RecipientStatus Ready(Roster& roster, std::vector<std::string> names) {
    return Ready(roster, roster.Connect(At(kNat)), std::move(names));
  }

  Counters counters;
};

TEST_F(RosterIdentityTest, APlaceGoesToTheOneThatHasTheName) {
  Roster roster(
      {{.label = "a", .identity = "cn:a"}, {.label = "b", .identity = "dns:b"}},
      0, counters);
  EXPECT_EQ(roster.Find(2)->identity, "dns:b");
  const RecipientStatus connection = roster.Connect(At(kNat, 7));
  EXPECT_EQ(roster.count(RecipientState::kExpected), 2u);
  EXPECT_EQ(roster.count(RecipientState::kHandshaking), 1u);
  roster.ClearChanges();
  Ready(roster, connection, {"cn:any", "dns:b"});
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kReady);
  EXPECT_EQ(roster.Find(2)->label, "b");
  EXPECT_EQ(roster.Find(2)->identity, "dns:b");
  EXPECT_EQ(roster.Find(2)->peer, At(kNat, 7));
  EXPECT_EQ(roster.Find(2)->attempt, 1u);
  EXPECT_EQ(roster.ConnectionOf(2), connection.id);
  // The record that it had until then is no recipient's.
  EXPECT_EQ(roster.Find(3), nullptr);
  EXPECT_THAT(roster.forgotten(), ElementsAre(3));
  EXPECT_THAT(roster.changed(), Not(Contains(Field(&RecipientStatus::id, 3))));
  EXPECT_EQ(roster.count(RecipientState::kReady), 1u);
  EXPECT_EQ(roster.count(RecipientState::kHandshaking), 0u);
  EXPECT_FALSE(roster.AllExpectedAreReady());
  Ready(roster, {"cn:a"});
  EXPECT_TRUE(roster.AllExpectedAreReady());
}

TEST_F(RosterIdentityTest, OthersGetRecordsOfTheirOwn) {
  Roster roster({{.identity = "cn:a"}}, 0, counters);
  Ready(roster, {"cn:other"});
  Ready(roster, std::vector<std::string>());
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kExpected);
  EXPECT_EQ(roster.Find(2)->identity, "cn:other");
  EXPECT_EQ(roster.Find(3)->identity, "");
}

TEST_F(RosterIdentityTest, WhoComesAgainHasThePlaceAgain) {
  Roster roster({{.identity = "cn:a"}}, 0, counters);
  Report(roster, Ready(roster, {"cn:a"}), RecipientState::kFailed);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kFailed);
  const RecipientStatus again =
      Ready(roster, roster.Connect(At("192.0.2.9")), {"cn:a"});
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
  EXPECT_EQ(roster.Find(1)->attempt, 2u);
  ASSERT_NE(roster.Find(1)->earlier, nullptr);
  EXPECT_EQ(roster.Find(1)->earlier->front().peer, At(kNat));
  Report(roster, again, RecipientState::kDelivered);
  EXPECT_TRUE(roster.AllExpectedAreDelivered());
  EXPECT_EQ(roster.connected(), 0u);
}

TEST_F(RosterIdentityTest, ASecondConnectionWaitsForThePlace) {
  Roster roster({{.identity = "cn:a"}}, 0, counters);
  const RecipientStatus stale = Ready(roster, {"cn:a"});
  const RecipientStatus second = Ready(roster, {"cn:a"});
  EXPECT_EQ(roster.ConnectionOf(1), stale.id);
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kReady);
  Report(roster, stale, RecipientState::kFailed);
  EXPECT_EQ(roster.ConnectionOf(1), second.id);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
  EXPECT_EQ(roster.Find(3), nullptr);
}

TEST_F(RosterIdentityTest, OneDeliveredWithoutThePlaceFillsIt) {
  Roster roster({{.identity = "cn:a"}}, 0, counters);
  const RecipientStatus stale = Ready(roster, {"cn:a"});
  RecipientStatus second =
      Report(roster, Ready(roster, {"cn:a"}), RecipientState::kTransferring);
  Report(roster, second, RecipientState::kDelivered);
  EXPECT_FALSE(roster.AllExpectedAreDelivered());
  Report(roster, stale, RecipientState::kFailed);
  EXPECT_TRUE(roster.AllExpectedAreDelivered());
  EXPECT_EQ(roster.count(RecipientState::kDelivered), 1u);
}

TEST_F(RosterIdentityTest, TheNameCountsBeforeTheAddress) {
  Roster roster(
      {{.address = asio::ip::make_address(kNat)}, {.identity = "cn:a"}}, 0,
      counters);
  Ready(roster, {"cn:a"});
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kExpected);
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kReady);
  Ready(roster, {"cn:b"});
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
  EXPECT_EQ(roster.Find(1)->identity, "cn:b");
  EXPECT_TRUE(roster.AllExpectedAreReady());
}

TEST_F(RosterIdentityTest, OneThatIsThereMayBeExpectedLater) {
  Roster roster({}, 0, counters);
  Ready(roster, {"cn:b"});
  Ready(roster, {"cn:a", "dns:a"});
  EXPECT_THAT(roster.Expect({{.label = "a", .identity = "dns:a"},
                             {.label = "c", .identity = "cn:c"}}),
              ElementsAre(2, 3));
  EXPECT_EQ(roster.Find(2)->label, "a");
  EXPECT_EQ(roster.Find(2)->identity, "dns:a");
  EXPECT_EQ(roster.Find(3)->state, RecipientState::kExpected);
  Ready(roster, {"cn:c"});
  EXPECT_TRUE(roster.AllExpectedAreReady());
}

// No record gets two places.
TEST_F(RosterIdentityTest, OneWithTwoNamesFillsOnePlace) {
  Roster roster({}, 0, counters);
  Ready(roster, {"cn:a", "dns:a"});
  EXPECT_THAT(roster.Expect({{.identity = "cn:a"}, {.identity = "dns:a"}}),
              ElementsAre(1, 2));
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kExpected);
  EXPECT_FALSE(roster.AllExpectedAreReady());
}

TEST_F(RosterIdentityTest, PlacesAreFilledAfterARestart) {
  const RecipientStatus place{
      .id = 1, .identity = "cn:a", .state = RecipientState::kExpected};
  const RecipientStatus delivered{.id = 2,
                                  .identity = "cn:a",
                                  .attempt = 1,
                                  .state = RecipientState::kDelivered};
  Roster roster({{.id = 1, .identity = "cn:a"}}, 2, counters);
  roster.Restore({place, delivered});
  EXPECT_TRUE(roster.AllExpectedAreDelivered());
}

TEST_F(RosterIdentityTest, ANodeThatComesAgainIsKnownByItsName) {
  Roster roster({{.identity = "cn:n"}}, 0, counters);
  const auto names = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"cn:n"});
  const auto connect = [&](std::string_view host) {
    return roster.Connect({.peer = At(host), .names = names, .node = "node"});
  };
  const RecipientStatus first =
      Report(roster, connect(kNat), RecipientState::kReady);
  EXPECT_EQ(roster.ConnectionOf(1), first.id);
  Report(roster, first, RecipientState::kFailed);
  EXPECT_TRUE(roster.MayReturn("node"));
  const RecipientStatus again = connect("192.0.2.9");
  EXPECT_EQ(roster.ConnectionOf(1), again.id);
  EXPECT_EQ(roster.ConnectionOfNode("node"), again.id);
}

}  // namespace
}  // namespace tcptool::dataplane
