// What a retry is answered with.
#include "server/sessions/request_ids.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace tcptool::server {
namespace {

class RequestIdsTest : public testing::Test {
 protected:
  void Add(const std::string& id, const std::string& session,
           absl::Time time = absl::Now()) {
    ids_.Add({.id = id, .time = time, .name = session, .fingerprint = "print"});
  }
  auto Lookup(const std::string& id,
              RequestIds::Clock::time_point now = RequestIds::Clock::now()) {
    return ids_.Lookup(id, "print", now);
  }

  const std::unique_ptr<Store> store_ =
      *Store::Open(":memory:", [](const char*, absl::Duration, bool) {});
  RequestIds ids_{*store_, RequestKind::kSession};
};

TEST_F(RequestIdsTest, RetryGetsTheSessionOfTheFirstCall) {
  Add("one", "sessions/a");
  EXPECT_EQ(**Lookup("one"), "sessions/a");
  EXPECT_EQ(*Lookup("two"), std::nullopt);
  EXPECT_TRUE(absl::IsAlreadyExists(
      ids_.Lookup("one", "other", RequestIds::Clock::now()).status()));
}

TEST_F(RequestIdsTest, DeletedSessionIsToldAsDeletedWhoeverHasItsNameNow) {
  Add("one", "sessions/a");
  ids_.OnDeleted("sessions/a");
  EXPECT_TRUE(absl::IsNotFound(Lookup("one").status()));
  Add("two", "sessions/a");
  EXPECT_TRUE(absl::IsNotFound(Lookup("one").status()));
  EXPECT_EQ(**Lookup("two"), "sessions/a");
}

TEST_F(RequestIdsTest, DeletionIsRememberedOverARestart) {
  Add("one", "sessions/a");
  Add("two", "sessions/b");
  ids_.OnDeleted("sessions/a");
  RequestIds after(*store_, RequestKind::kSession);
  // As the store gives them back; see StoreTest.
  after.Restore({.id = "one",
                 .time = absl::Now(),
                 .name = "sessions/a",
                 .fingerprint = "print",
                 .deleted = true});
  after.Restore({.id = "two",
                 .time = absl::Now(),
                 .name = "sessions/b",
                 .fingerprint = "print"});
  EXPECT_TRUE(absl::IsNotFound(
      after.Lookup("one", "print", RequestIds::Clock::now()).status()));
  EXPECT_EQ(**after.Lookup("two", "print", RequestIds::Clock::now()),
            "sessions/b");
}

TEST_F(RequestIdsTest, IdOfACallThatFailedMayBeUsedAgain) {
  Add("one", "sessions/a");
  ids_.Remove("one");
  EXPECT_EQ(*Lookup("one"), std::nullopt);
  Add("one", "sessions/b");
  EXPECT_EQ(**Lookup("one"), "sessions/b");
}

TEST_F(RequestIdsTest, KindsHaveIdsOfTheirOwn) {
  RequestIds receptions(*store_, RequestKind::kReception);
  Add("one", "sessions/a");
  EXPECT_EQ(*receptions.Lookup("one", "print", RequestIds::Clock::now()),
            std::nullopt);
  receptions.Restore({.id = "one", .time = absl::Now(), .name = "sessions/a"});
  EXPECT_EQ(*receptions.Lookup("one", "print", RequestIds::Clock::now()),
            std::nullopt);
  receptions.Add({.id = "one",
                  .time = absl::Now(),
                  .name = "receptions/a",
                  .fingerprint = "print"});
  EXPECT_EQ(**receptions.Lookup("one", "print", RequestIds::Clock::now()),
            "receptions/a");
  EXPECT_EQ(**Lookup("one"), "sessions/a");
}

TEST_F(RequestIdsTest, IdsAreForgottenAfterAnHour) {
  const auto before = RequestIds::Clock::now();
  Add("one", "sessions/a");
  EXPECT_EQ(**Lookup("one", before + RequestIds::kKept), "sessions/a");
  const auto after = RequestIds::Clock::now();
  EXPECT_EQ(*Lookup("one", after + RequestIds::kKept + std::chrono::seconds(1)),
            std::nullopt);
  // Its session may go later.
  ids_.OnDeleted("sessions/a");
}

}  // namespace
}  // namespace tcptool::server
