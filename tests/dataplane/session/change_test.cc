// What changes of a session while it goes on.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kSize = 100'000;

asio::ip::address Loopback() { return asio::ip::address_v4::loopback(); }

AccessList Only(std::string_view rule) {
  AccessList list;
  EXPECT_TRUE(list.Add(rule).ok());
  return list;
}

// What Change() says.
absl::StatusOr<std::vector<uint64_t>> Change(
    OneSession& one, SessionChanges changes,
    std::optional<SessionState> expected = std::nullopt) {
  absl::StatusOr<std::vector<uint64_t>> result;
  absl::Notification done;
  one.session().Change(
      std::move(changes), expected,
      [&](const absl::StatusOr<std::vector<uint64_t>>& changed) {
        result = changed;
        done.Notify();
      });
  done.WaitForNotification();
  return result;
}

TEST(ChangeTest, RateOfAllLanesIsOne) {
  OneSession one(FileOf(Content(kSize)));
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 4; ++i) peers.push_back(one.ReadyPeer());
  EXPECT_TRUE(Change(one, {.session_bytes_per_second = 1}).ok());
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  ASSERT_TRUE(one.recorder->WaitFor(
      [](const SessionStatus& session) { return session.bytes_sent > 0; }));
  EXPECT_LT(one.recorder->session().bytes_sent, kSize / 100);
  EXPECT_TRUE(Change(one, {.session_bytes_per_second = 0}).ok());
  for (const auto& peer : peers) {
    EXPECT_EQ(peer->ReadAndClose().data.size(), kSize);
  }
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(ChangeTest, RateOfEachHoldsForThoseThatAreThere) {
  SessionOptions options;
  options.limits.recipient_bytes_per_second = 1;
  OneSession one(FileOf(Content(kSize)), options);
  const auto peer = one.ReadyPeer();
  EXPECT_TRUE(Change(one, {.recipient_bytes_per_second = 0}).ok());
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_EQ(peer->ReadAndClose().data.size(), kSize);
}

TEST(ChangeTest, RulesHoldForThoseThatComeNext) {
  SessionOptions options;
  options.allow = Only("192.0.2.1");
  OneSession one(FileOf(Content(kSize)), options);
  EXPECT_TRUE(absl::IsPermissionDenied(one.session().CheckAllows(Loopback())));
  EXPECT_TRUE(Change(one, {.allow = Only("127.0.0.1")}).ok());
  EXPECT_TRUE(one.session().CheckAllows(Loopback()).ok());
  one.ReadyPeer();
}

TEST(ChangeTest, SessionExpiresByItsNewTime) {
  SessionOptions options;
  options.expire_after = absl::Hours(1);
  OneSession one(FileOf(Content(kSize)), options);
  EXPECT_TRUE(Change(one, {.expire_after = absl::Milliseconds(1)}).ok());
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kExpired);
}

TEST(ChangeTest, SessionWaitsForThoseThatAreExpectedLater) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"}, {Loopback(), "b"}};
  OneSession one(FileOf(Content(kSize)), options);
  const auto first = one.ReadyPeer();
  const auto added =
      Change(one, {.more_expected = {{.address = Loopback(), .label = "c"}}});
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(*added, std::vector<uint64_t>{3});
  const auto second = one.ReadyPeer();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 2));
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  ReadingPeer third(one.port(), 0);
  EXPECT_EQ(first->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(second->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(3).label, "c");
}

TEST(ChangeTest, RecordsAreToldBeforeTheAnswer) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"}};
  OneSession one(FileOf(Content(kSize)), options);
  std::string told;
  absl::Notification done;
  one.session().Change(
      {.more_expected = {{.address = Loopback(), .label = "b"}}}, std::nullopt,
      [&](const absl::StatusOr<std::vector<uint64_t>>& changed) {
        if (changed.ok()) told = one.recorder->recipient(changed->at(0)).label;
        done.Notify();
      });
  done.WaitForNotification();
  EXPECT_EQ(told, "b");
}

TEST(ChangeTest, AllOrNothing) {
  SessionOptions options;
  options.limits.session_bytes_per_second = 1;
  OneSession one(FileOf(Content(kSize)), options);
  const auto peer = one.ReadyPeer();
  EXPECT_TRUE(absl::IsAborted(
      Change(one, {.session_bytes_per_second = 0}, SessionState::kTransferring)
          .status()));
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_TRUE(absl::IsUnavailable(
      Change(one, {.session_bytes_per_second = 0,
                   .more_expected = {{.address = Loopback()}}})
          .status()));
  ASSERT_TRUE(one.recorder->WaitFor(
      [](const SessionStatus& session) { return session.bytes_sent > 0; }));
  EXPECT_LT(one.recorder->session().bytes_sent, kSize / 100);
  ASSERT_TRUE(one.Call(&Session::Cancel).ok());
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kCancelled);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Change(one, {.session_bytes_per_second = 0}).status()));
}

}  // namespace
}  // namespace tcptool::dataplane
