// Other nodes as recipients: they begin where they are, and may come again.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kSize = 3 << 20;
constexpr size_t kOffset = (1 << 20) + 1;

// A pair of connected sockets: the node's end, and the one that the session
// takes.
struct Connected {
  explicit Connected(int receive_buffer) : listener(Peer::Unconnected()) {
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof address),
              0);
    EXPECT_EQ(listen(listener.get(), 1), 0);
    socklen_t size = sizeof address;
    getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    node.emplace(ntohs(address.sin_port), receive_buffer);
    taken = UniqueFd(accept4(listener.get(), nullptr, nullptr,
                             SOCK_NONBLOCK | SOCK_CLOEXEC));
    ResetOnClose(taken.get());
  }

  UniqueFd listener;
  std::optional<Peer> node;
  UniqueFd taken;
};

class NodesTest : public testing::Test {
 protected:
  // What Take() says, and the node's end.
  absl::StatusOr<uint64_t> Take(OneSession& one, uint64_t offset,
                                const std::string& name = "a") {
    Connected connected(receive_buffer_);
    socket_ = connected.taken.get();
    absl::StatusOr<uint64_t> result;
    absl::Notification done;
    one.session().Take({.socket = std::move(connected.taken),
                        .peer = {asio::ip::address_v4::loopback(), 1},
                        .node = name,
                        .offset = offset},
                       [&](const absl::StatusOr<uint64_t>& taken) {
                         result = taken;
                         done.Notify();
                       });
    done.WaitForNotification();
    node_ = std::move(connected.node);
    return result;
  }

  // Returns when the session has done so.
  static void Reset(OneSession& one, uint64_t connection,
                    absl::Duration confirm_within = absl::InfiniteDuration()) {
    one.session().ResetNode(connection, "it is over", confirm_within);
    // On the session's lane, then on the connection's.
    for (int i = 0; i < 2; ++i) {
      absl::Notification done;
      one.session().MayTake("a",
                            [&done](const absl::Status&) { done.Notify(); });
      done.WaitForNotification();
    }
  }

  const std::string content_ = Content(kSize);
  std::optional<Peer> node_;
  int socket_ = -1;         // The session's end, while it is not closed.
  int receive_buffer_ = 0;  // Of the nodes that come; 0: the system's.
};

TEST_F(NodesTest, BeginsAtItsOffset) {
  OneSession one(FileOf(content_), {.start = {.immediate = true}});
  ASSERT_TRUE(Take(one, kOffset).ok());
  node_->Say(0);
  EXPECT_EQ(node_->ReadAndClose().data, content_.substr(kOffset));
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  const RecipientStatus status = one.recorder->recipient(1);
  EXPECT_EQ(status.node, "a");
  EXPECT_EQ(status.offset, kOffset);
  EXPECT_EQ(status.bytes_sent, kSize - kOffset);
  EXPECT_EQ(status.bytes_acked, kSize - kOffset);
}

TEST_F(NodesTest, NothingIsLeftForIt) {
  OneSession one(FileOf(content_), {.start = {.immediate = true}});
  ASSERT_TRUE(Take(one, kSize).ok());
  node_->Say(0);
  const Peer::Result result = node_->ReadAndClose();
  EXPECT_EQ(result.data, "");
  EXPECT_EQ(result.error, 0);
  EXPECT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
}

TEST_F(NodesTest, SessionWithoutAPortServesThemAlone) {
  OneSession one(FileOf(content_),
                 {.listens = false, .start = {.immediate = true}});
  EXPECT_EQ(one.port(), 0);
  ASSERT_TRUE(Take(one, 0).ok());
  node_->Say(0);
  EXPECT_EQ(node_->ReadAndClose().data, content_);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  one.session().Drain();
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kInterrupted);
  EXPECT_TRUE(absl::IsFailedPrecondition(Take(one, 0).status()));
}

TEST_F(NodesTest, WhoWasLostMayComeAgain) {
  OneSession one(FileOf(Content(64 << 20)));
  ASSERT_TRUE(Take(one, 0).ok());
  node_->Say(1);  // It starts the session.
  EXPECT_EQ(node_->Read(1).data.size(), 1u);
  // After the start nobody else may come.
  std::optional<Peer> first = std::exchange(node_, std::nullopt);
  EXPECT_TRUE(absl::IsFailedPrecondition(Take(one, 0, "b").status()));
  first->Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->session().state, SessionState::kTransferring);
  EXPECT_TRUE(absl::IsFailedPrecondition(Take(one, 0, "b").status()));
  ASSERT_TRUE(Take(one, 63 << 20).ok());
  node_->Say(0);
  EXPECT_EQ(node_->ReadAndClose().data.size(), size_t{1} << 20);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  const RecipientStatus status = one.recorder->recipient(1);
  EXPECT_EQ(status.attempt, 2u);
  ASSERT_NE(status.earlier, nullptr);
  EXPECT_EQ(status.earlier->front().reason, Reason::kConnectionLost);
  EXPECT_EQ(one.recorder->recipients().size(), 1u);
}

TEST_F(NodesTest, LastConnectionOfOneCountsAlone) {
  OneSession one(FileOf(Content(64 << 20)));
  ASSERT_TRUE(Take(one, 0).ok());
  node_->Say(1);
  EXPECT_EQ(node_->Read(1).data.size(), 1u);
  // The node's end is gone without a word.
  const std::optional<Peer> first = std::exchange(node_, std::nullopt);
  ASSERT_TRUE(Take(one, 63 << 20).ok());
  node_->Say(0);
  EXPECT_EQ(node_->ReadAndClose().data.size(), size_t{1} << 20);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kFailed);
  EXPECT_EQ(one.recorder->recipient(2).state, RecipientState::kDelivered);
}

TEST_F(NodesTest, WhoComesAgainForNothingKeepsNoSessionFromItsEnd) {
  receive_buffer_ = 4096;  // It acknowledges next to nothing.
  OneSession one(FileOf(Content(64 << 20)),
                 {.nodes_may_return = absl::Milliseconds(500)});
  int visits = 0;
  for (; Take(one, 0).ok(); ++visits) {
    // Its last connection still seems to be open when it comes again.
    node_->Say(1);
    EXPECT_EQ(node_->Read(1).data.size(), 1u);
    ASSERT_LE(visits, 2 * Roster::kMostReturns);
  }
  EXPECT_GT(visits, 1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
}

TEST_F(NodesTest, TimeToComeAgainBeginsAnewAfterProgress) {
  OneSession one(FileOf(Content(64 << 20)));
  for (int visit = 0; visit < 2 * Roster::kMostReturns; ++visit) {
    ASSERT_TRUE(Take(one, visit << 20).ok()) << visit;
    node_->Say(1);
    EXPECT_EQ(node_->Read(1 << 20).data.size(), size_t{1} << 20);
    node_->Reset();
    ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  }
}

TEST_F(NodesTest, ConnectionIsResetAndTheNodeMayComeAgain) {
  OneSession one(FileOf(Content(64 << 20)), {.start = {.immediate = true}});
  const absl::StatusOr<uint64_t> connection = Take(one, 0);
  ASSERT_TRUE(connection.ok());
  node_->Say(0);
  EXPECT_EQ(node_->Read(1).data.size(), 1u);
  Reset(one, *connection);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kConnectionLost);
  EXPECT_EQ(one.recorder->recipient(1).detail, "it is over");
  EXPECT_EQ(node_->ReadAndClose().error, ECONNRESET);
  ASSERT_TRUE(Take(one, 63 << 20).ok());
  node_->Say(0);
  // That the first one is over does not concern the second one.
  Reset(one, *connection);
  EXPECT_EQ(node_->ReadAndClose().data.size(), size_t{1} << 20);
  EXPECT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
}

// And what the session's own limit allows, whichever is less.
TEST_F(NodesTest, RateOfAConnectionIsAsItWasSetLast) {
  OneSession one(FileOf(Content(64 << 20)),
                 {.start = {.immediate = true},
                  .limits = {.recipient_bytes_per_second = 3'000'000}});
  const absl::StatusOr<uint64_t> connection = Take(one, 0);
  ASSERT_TRUE(connection.ok());
  const auto rate_is = [this](int rate) {
    const absl::Time deadline = absl::Now() + kDeadline;
    int found = 0;
    while (found != rate && absl::Now() < deadline) {
      socklen_t size = sizeof found;
      getsockopt(socket_, SOL_SOCKET, SO_MAX_PACING_RATE, &found, &size);
      absl::SleepFor(absl::Milliseconds(1));
    }
    return found == rate;
  };
  // Before it is sent anything, too.
  one.session().SetRate(*connection, 2'000'000);
  node_->Say(0);
  EXPECT_EQ(node_->Read(1).data.size(), 1u);
  EXPECT_TRUE(rate_is(2'000'000));
  one.session().SetRate(*connection, 1'000'000);
  EXPECT_TRUE(rate_is(1'000'000));
  one.session().SetRate(*connection, 4'000'000);
  EXPECT_TRUE(rate_is(3'000'000));
  one.session().SetRate(*connection, 1'000'000);
  EXPECT_TRUE(rate_is(1'000'000));
  one.session().SetRate(*connection, 0);
  EXPECT_TRUE(rate_is(3'000'000));
  one.session().SetRate(*connection + 1, 5);  // There is none.
  Reset(one, *connection);
  one.session().SetRate(*connection, 5);
  EXPECT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
}

TEST_F(NodesTest, WhoHasBeenSentEverythingIsLeftToConfirmIt) {
  const std::string content = Content(1000);
  OneSession one(FileOf(content), {.start = {.immediate = true}});
  const absl::StatusOr<uint64_t> connection = Take(one, 0);
  ASSERT_TRUE(connection.ok());
  node_->Say(0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kConfirming, 1));
  Reset(one, *connection);
  const Peer::Result result = node_->ReadAndClose();
  EXPECT_EQ(result.data, content);
  EXPECT_EQ(result.error, 0);
  EXPECT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
}

TEST_F(NodesTest, WhoDoesNotConfirmItInTheTimeThatIsLeftIsReset) {
  OneSession one(FileOf(Content(1000)), {.start = {.immediate = true}});
  const absl::StatusOr<uint64_t> connection = Take(one, 0);
  ASSERT_TRUE(connection.ok());
  node_->Say(0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kConfirming, 1));
  Reset(one, *connection, absl::Milliseconds(100));
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kUnconfirmed);
}

TEST_F(NodesTest, AccessRulesHoldForThem) {
  SessionOptions options = {.start = {.immediate = true}};
  ASSERT_TRUE(options.allow.Add("10.0.0.0/8").ok());
  OneSession one(FileOf(content_), options);
  const absl::Status status = Take(one, 0).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(status.message(),
            "127.0.0.1 matches no access rule of the session");
  EXPECT_EQ(node_->Read().error, ECONNRESET);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kRejected, 1));
  const auto allows = [&one](const char* address) {
    return one.session().CheckAllows(asio::ip::make_address(address));
  };
  EXPECT_EQ(allows("127.0.0.1"), status);
  EXPECT_TRUE(allows("10.1.2.3").ok());
}

}  // namespace
}  // namespace tcptool::dataplane
