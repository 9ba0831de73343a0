// Recipients that are expected later than the session is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/session/roster.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;
using testing::ElementsAre;

const asio::ip::address kHost = asio::ip::make_address("192.0.2.1");
const asio::ip::address kOther = asio::ip::make_address("192.0.2.2");

class RosterGrowthTest : public testing::Test {
 protected:
  RecipientStatus Connect(const asio::ip::address& host, RecipientState state) {
    RecipientStatus connection = roster_.Connect(tcp::endpoint(host, 1000));
    Become(connection, state);
    return connection;
  }
  void Become(RecipientStatus connection, RecipientState state) {
    connection.state = state;
    roster_.Update(connection);
  }

  Counters counters_;
  Roster roster_{{{.address = kHost, .label = "first"}}, 0, counters_};
};

TEST_F(RosterGrowthTest, TheyGetTheNextIds) {
  Connect(kOther, RecipientState::kFailed);  // Has the id 2.
  EXPECT_THAT(roster_.Expect({{.address = kHost, .label = "second"},
                              {.address = kOther, .label = "third"}}),
              ElementsAre(3, 4));
  EXPECT_EQ(roster_.count(RecipientState::kExpected), 3u);
  EXPECT_EQ(roster_.Find(4)->label, "third");
  // The next one from there gets the place.
  Connect(kOther, RecipientState::kReady);
  EXPECT_EQ(roster_.Find(4)->state, RecipientState::kReady);
}

TEST_F(RosterGrowthTest, OneThatIsThereAlreadyGetsThePlace) {
  Connect(kOther, RecipientState::kHandshaking);
  const RecipientStatus ready = Connect(kOther, RecipientState::kReady);
  EXPECT_THAT(roster_.Expect({{.address = kOther, .label = "b"}}),
              ElementsAre(3));
  EXPECT_EQ(roster_.Find(3)->label, "b");
  EXPECT_EQ(roster_.count(RecipientState::kExpected), 1u);
  EXPECT_FALSE(roster_.AllExpectedAreReady());
  Connect(kHost, RecipientState::kReady);
  EXPECT_TRUE(roster_.AllExpectedAreReady());
  // Its place is its own: when it fails, the other one from there has it.
  Become(ready, RecipientState::kFailed);
  EXPECT_EQ(roster_.Find(3)->state, RecipientState::kFailed);
}

TEST_F(RosterGrowthTest, OneThatHasTheContentCounts) {
  Connect(kHost, RecipientState::kDelivered);
  Connect(kOther, RecipientState::kDelivered);
  EXPECT_TRUE(roster_.AllExpectedAreDelivered());
  EXPECT_THAT(roster_.Expect({{.address = kOther, .label = "b"}}),
              ElementsAre(2));
  EXPECT_TRUE(roster_.AllExpectedAreDelivered());
  EXPECT_EQ(roster_.outcome().delivered, 2u);
  roster_.Expect({{.address = kOther, .label = "c"}});
  EXPECT_FALSE(roster_.AllExpectedAreDelivered());
  EXPECT_EQ(roster_.outcome().missing, 1u);
}

TEST_F(RosterGrowthTest, IdsThatAreGivenAreKept) {
  Roster again({{.address = kHost, .label = "first", .id = 1},
                {.address = kOther, .label = "b", .id = 7}},
               3, counters_);
  EXPECT_EQ(again.Find(7)->label, "b");
  again.Connect(tcp::endpoint(asio::ip::make_address("192.0.2.9"), 1));
  EXPECT_NE(again.Find(8), nullptr);
}

}  // namespace
}  // namespace tcptool::dataplane
