// Who decides a session's result, attempts of expected recipients, and how many
// records are kept.
#include <gtest/gtest.h>

#include <vector>

#include "absl/time/clock.h"
#include "dataplane/session/roster.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;

tcp::endpoint Peer(int host) {
  return {asio::ip::make_address_v4("192.0.2." + std::to_string(host)),
          static_cast<uint16_t>(40'000 + host)};
}

std::vector<ExpectedRecipient> Expected(int count) {
  std::vector<ExpectedRecipient> expected;
  for (int host = 1; host <= count; ++host) {
    expected.push_back({Peer(host).address(), "m" + std::to_string(host)});
  }
  return expected;
}

class RosterOutcomeTest : public testing::Test {
 protected:
  // A recipient's way to `last`, as a fan-out reports it.
  static void Go(Roster& roster, RecipientStatus status, RecipientState last) {
    if (last == RecipientState::kReady || IsFinal(last)) {
      status.state = RecipientState::kReady;
      status.handshake_time = absl::Milliseconds(1);
      roster.Update(status);
    }
    if (last == RecipientState::kDelivered) status.start_time = absl::Now();
    status.state = last;
    if (IsFinal(last)) status.end_time = absl::Now();
    roster.Update(status);
  }

  Counters counters_;
};

TEST_F(RosterOutcomeTest, DroppedExpectedRecipientIsMissing) {
  Roster roster(Expected(2), 0, counters_);
  roster.OnStart();
  Go(roster, roster.Connect(Peer(1)), RecipientState::kDelivered);
  Go(roster, roster.Connect(Peer(2)), RecipientState::kDropped);
  EXPECT_EQ(roster.outcome().delivered, 1u);
  EXPECT_EQ(roster.outcome().missing, 1u);
  EXPECT_FALSE(roster.AllExpectedAreDelivered());
}

TEST_F(RosterOutcomeTest, WhereSomeAreExpectedOthersDoNotCount) {
  Roster roster(Expected(1), 0, counters_);
  roster.OnStart();
  Go(roster, roster.Connect(Peer(9)), RecipientState::kFailed);
  Go(roster, roster.Connect(Peer(8)), RecipientState::kDelivered);
  EXPECT_EQ(roster.outcome().delivered, 0u);
  EXPECT_EQ(roster.outcome().missing, 1u);
  Go(roster, roster.Connect(Peer(1)), RecipientState::kDelivered);
  EXPECT_EQ(roster.outcome().delivered, 1u);
  EXPECT_EQ(roster.outcome().missing, 0u);
  EXPECT_TRUE(roster.AllExpectedAreDelivered());
}

TEST_F(RosterOutcomeTest, WhoLeavesBeforeTheStartDoesNotCount) {
  Roster roster({}, 0, counters_);
  Go(roster, roster.Connect(Peer(1)), RecipientState::kFailed);
  const RecipientStatus stays = roster.Connect(Peer(2));
  Go(roster, stays, RecipientState::kReady);
  roster.OnStart();
  Go(roster, stays, RecipientState::kDelivered);
  EXPECT_EQ(roster.outcome().delivered, 1u);
  EXPECT_EQ(roster.outcome().missing, 0u);
  Go(roster, roster.Connect(Peer(3)), RecipientState::kFailed);
  EXPECT_EQ(roster.outcome().missing, 1u);
}

TEST_F(RosterOutcomeTest, ExpectedRecipientThatComesAgainIsInItsNextAttempt) {
  Roster roster(Expected(1), 0, counters_);
  EXPECT_EQ(roster.Find(1)->attempt, 0u);
  roster.OnStart();
  RecipientStatus first = roster.Connect(Peer(1));
  EXPECT_EQ(roster.Find(1)->attempt, 1u);
  EXPECT_EQ(roster.Find(1)->earlier, nullptr);
  first.bytes_acked = 7;
  first.reason = Reason::kConnectionLost;
  Go(roster, first, RecipientState::kFailed);
  const RecipientStatus second = roster.Connect(Peer(1));
  const RecipientStatus record = *roster.Find(1);
  EXPECT_EQ(record.state, RecipientState::kHandshaking);
  EXPECT_EQ(record.label, "m1");
  EXPECT_EQ(record.attempt, 2u);
  EXPECT_EQ(record.bytes_acked, 0u);
  ASSERT_NE(record.earlier, nullptr);
  ASSERT_EQ(record.earlier->size(), 1u);
  EXPECT_EQ(record.earlier->front().attempt, 1u);
  EXPECT_EQ(record.earlier->front().state, RecipientState::kFailed);
  EXPECT_EQ(record.earlier->front().reason, Reason::kConnectionLost);
  EXPECT_EQ(record.earlier->front().bytes_acked, 7u);
  Go(roster, second, RecipientState::kDelivered);
  EXPECT_EQ(roster.outcome().missing, 0u);
  // It has the content: who comes from there now is somebody else.
  roster.Connect(Peer(1));
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kDelivered);
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kHandshaking);
}

// A host that has lost power comes back while its old connection still seems to
// be there.
TEST_F(RosterOutcomeTest, PlaceThatFallsToAnotherConnectionIsInItsNextAttempt) {
  Roster roster(Expected(1), 0, counters_);
  RecipientStatus ghost = roster.Connect(Peer(1));
  Go(roster, ghost, RecipientState::kReady);
  const RecipientStatus again = roster.Connect(Peer(1));
  Go(roster, again, RecipientState::kReady);
  EXPECT_EQ(roster.Find(1)->attempt, 1u);
  Go(roster, ghost, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kReady);
  EXPECT_EQ(roster.Find(1)->attempt, 2u);
  ASSERT_NE(roster.Find(1)->earlier, nullptr);
  EXPECT_EQ(roster.Find(1)->earlier->front().state, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(2)->attempt, 1u);
}

TEST_F(RosterOutcomeTest, EarlierAttemptsAreBounded) {
  Roster roster(Expected(1), 0, counters_);
  for (size_t i = 0; i < Roster::kMaxEarlierAttempts + 5; ++i) {
    Go(roster, roster.Connect(Peer(1)), RecipientState::kFailed);
  }
  roster.Connect(Peer(1));
  const RecipientStatus last = *roster.Find(1);
  EXPECT_EQ(last.attempt, Roster::kMaxEarlierAttempts + 6);
  ASSERT_EQ(last.earlier->size(), Roster::kMaxEarlierAttempts);
  EXPECT_EQ(last.earlier->back().attempt, last.attempt - 1);
}

TEST_F(RosterOutcomeTest, NodesThatAreKnownAreBounded) {
  Roster roster(Expected(1), 0, counters_);
  roster.OnStart();
  for (int i = 0; i < 20'000; ++i) {
    const RecipientStatus node = {.peer = Peer(1),
                                  .node = "n" + std::to_string(i)};
    Go(roster, roster.Connect(node), RecipientState::kFailed);
    roster.ClearChanges();
  }
  EXPECT_EQ(roster.known_nodes(), 1u);
  EXPECT_TRUE(roster.MayReturn("n19999"));
  EXPECT_FALSE(roster.MayReturn("n19998"));
}

TEST_F(RosterOutcomeTest, NodesThatLoseTheirPlaceAreKnownStill) {
  Roster roster(Expected(1), 0, counters_);
  roster.OnStart();
  const RecipientStatus first =
      roster.Connect({.peer = Peer(1), .node = "first"});
  Go(roster, first, RecipientState::kReady);
  const RecipientStatus second =
      roster.Connect({.peer = Peer(1), .node = "second"});
  Go(roster, second, RecipientState::kReady);
  Go(roster, first, RecipientState::kFailed);
  ASSERT_EQ(roster.Find(1)->node, "second");
  EXPECT_EQ(roster.ConnectionOfNode("second"), second.id);
  EXPECT_TRUE(roster.MayReturn("first"));
  EXPECT_EQ(roster.known_nodes(), 2u);
}

TEST_F(RosterOutcomeTest, RecordsOfThoseWhoWereReadyAndLeftAreBounded) {
  Roster roster({}, 0, counters_);
  const auto count = Roster::kMaxStrangers + 10;
  for (size_t i = 0; i < count; ++i) {
    Go(roster, roster.Connect(Peer(1)), RecipientState::kFailed);
  }
  EXPECT_EQ(roster.count(RecipientState::kFailed), count);
  EXPECT_EQ(roster.forgotten().size(), 10u);
  EXPECT_EQ(roster.Find(10), nullptr);
  EXPECT_NE(roster.Find(11), nullptr);
}

TEST_F(RosterOutcomeTest, RecordsOfThoseWhoWereServedAreBounded) {
  Roster roster({}, 0, counters_);
  roster.OnStart();
  for (size_t i = 0; i < Roster::kMaxServed + 10; ++i) {
    Go(roster, roster.Connect(Peer(1)), RecipientState::kDelivered);
  }
  EXPECT_EQ(roster.outcome().delivered, Roster::kMaxServed + 10);
  EXPECT_EQ(roster.forgotten().size(), 10u);
}

// Nothing is left of them that could fill a place.
TEST_F(RosterOutcomeTest, DroppedRecordsOfThoseDeliveredGetNoPlace) {
  Roster roster(Expected(1), 0, counters_);
  roster.OnStart();
  const RecipientStatus ghost = roster.Connect(Peer(1));
  Go(roster, ghost, RecipientState::kReady);
  Go(roster, roster.Connect(Peer(1)), RecipientState::kDelivered);
  for (size_t i = 0; i < Roster::kMaxServed; ++i) {
    Go(roster, roster.Connect(Peer(2)), RecipientState::kDelivered);
  }
  ASSERT_EQ(roster.forgotten(), std::vector<uint64_t>{2});
  Go(roster, ghost, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kFailed);
  EXPECT_EQ(roster.Find(2), nullptr);
}

TEST_F(RosterOutcomeTest, RecordsOverAllSessionsAreBounded) {
  for (uint64_t i = 0; i < Roster::kMaxOverAll; ++i) counters_.AddEndedRecord();
  {
    Roster roster({}, 0, counters_);
    Go(roster, roster.Connect(Peer(1)), RecipientState::kFailed);
    EXPECT_EQ(roster.forgotten().size(), 1u);
    EXPECT_EQ(roster.count(RecipientState::kFailed), 1u);
  }
  counters_.RemoveEndedRecords(Roster::kMaxOverAll);
  EXPECT_EQ(counters_.AddEndedRecord(), 1u);  // The roster took its own away.
}

// The process has ended before it found the ghost out.
TEST_F(RosterOutcomeTest, RestoredPlaceGoesToOneThatIsDelivered) {
  RecipientStatus ghost = {.id = 1, .peer = Peer(1), .label = "m1"};
  ghost.attempt = 1;
  ghost.state = RecipientState::kFailed;
  RecipientStatus has = {.id = 2, .peer = Peer(1)};
  has.attempt = 1;
  has.state = RecipientState::kDelivered;
  has.start_time = has.end_time = absl::Now();
  Roster roster(Expected(1), 2, counters_);
  roster.Restore({ghost, has});
  EXPECT_EQ(roster.Find(1)->state, RecipientState::kDelivered);
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kFailed);
  EXPECT_TRUE(roster.AllExpectedAreDelivered());
}

// A record that a node has left says nothing of it, whichever is the first.
TEST_F(RosterOutcomeTest, RestoredNodeIsInTheRecordThatItCameToLast) {
  for (const uint64_t last : {1, 2}) {
    RecipientStatus left = {.id = 3 - last, .peer = Peer(1), .node = "n"};
    left.attempt = 1;
    left.state = RecipientState::kFailed;
    left.connect_time = left.start_time = left.end_time = absl::Now();
    left.handshake_time = absl::Milliseconds(1);
    RecipientStatus has = left;
    has.id = last;
    has.state = RecipientState::kDelivered;
    has.connect_time += absl::Seconds(1);
    Roster roster({}, 2, counters_);
    roster.Restore(last == 1 ? std::vector{has, left} : std::vector{left, has});
    EXPECT_EQ(roster.missing_nodes(), 0u) << last;
    EXPECT_FALSE(roster.MayReturn("n")) << last;
    EXPECT_EQ(roster.outcome().delivered, 1u) << last;
    EXPECT_EQ(roster.outcome().missing, 0u) << last;
  }
}

TEST_F(RosterOutcomeTest, RestoredRecipientsGoOnAndAreNotCountedAgain) {
  RecipientStatus has = {.id = 1, .peer = Peer(1), .label = "m1"};
  has.attempt = 1;
  has.state = RecipientState::kDelivered;
  has.start_time = has.end_time = absl::Now();
  RecipientStatus failed = {.id = 2, .peer = Peer(2), .label = "m2"};
  failed.attempt = 3;
  failed.state = RecipientState::kFailed;
  Roster roster(Expected(2), 7, counters_);
  roster.Restore({has, failed});
  EXPECT_EQ(roster.outcome().delivered, 1u);
  EXPECT_EQ(roster.outcome().missing, 1u);
  EXPECT_EQ(roster.count(RecipientState::kExpected), 0u);
  roster.Connect(Peer(2));
  EXPECT_EQ(roster.Find(2)->state, RecipientState::kHandshaking);
  EXPECT_EQ(roster.Find(2)->attempt, 4u);
  roster.Connect(Peer(5));
  EXPECT_EQ(roster.Find(8)->state, RecipientState::kHandshaking);
  for (const uint64_t ended : counters_.Read().recipients_ended) {
    EXPECT_EQ(ended, 0u);
  }
}

}  // namespace
}  // namespace tcptool::dataplane
