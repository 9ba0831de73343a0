// What a retry is answered with.
#include "server/sessions/request_ids.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tcptool::server {
namespace {

class RequestIdsTest : public testing::Test {
 protected:
  void Add(const std::string& id, const std::string& session,
           absl::Time time = absl::Now()) {
    ids_.Add({.id = id, .time = time, .name = session, .fingerprint = "print"});
  }
  auto Find(const std::string& id) { return ids_.Find(id, "print"); }

  const std::unique_ptr<Store> store_ =
      *Store::Open(":memory:", [](const char*, absl::Duration, bool) {});
  RequestIds ids_{*store_, RequestKind::kSession};
};

TEST_F(RequestIdsTest, RetryGetsTheSessionOfTheFirstCall) {
  Add("one", "sessions/a");
  EXPECT_EQ(**Find("one"), "sessions/a");
  EXPECT_EQ(*Find("two"), std::nullopt);
  EXPECT_TRUE(absl::IsAlreadyExists(ids_.Find("one", "other").status()));
}

TEST_F(RequestIdsTest, DeletedSessionIsToldAsDeletedWhoeverHasItsNameNow) {
  Add("one", "sessions/a");
  ids_.OnDeleted("sessions/a");
  EXPECT_TRUE(absl::IsNotFound(Find("one").status()));
  Add("two", "sessions/a");
  EXPECT_TRUE(absl::IsNotFound(Find("one").status()));
  EXPECT_EQ(**Find("two"), "sessions/a");
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
  EXPECT_TRUE(absl::IsNotFound(after.Find("one", "print").status()));
  EXPECT_EQ(**after.Find("two", "print"), "sessions/b");
}

TEST_F(RequestIdsTest, IdOfACallThatFailedMayBeUsedAgain) {
  Add("one", "sessions/a");
  ids_.Remove("one");
  EXPECT_EQ(*Find("one"), std::nullopt);
  Add("one", "sessions/b");
  EXPECT_EQ(**Find("one"), "sessions/b");
}

TEST_F(RequestIdsTest, KindsHaveIdsOfTheirOwn) {
  RequestIds receptions(*store_, RequestKind::kReception);
  Add("one", "sessions/a");
  EXPECT_EQ(*receptions.Find("one", "print"), std::nullopt);
  receptions.Restore({.id = "one", .time = absl::Now(), .name = "sessions/a"});
  EXPECT_EQ(*receptions.Find("one", "print"), std::nullopt);
  receptions.Add({.id = "one",
                  .time = absl::Now(),
                  .name = "receptions/a",
                  .fingerprint = "print"});
  EXPECT_EQ(**receptions.Find("one", "print"), "receptions/a");
  EXPECT_EQ(**Find("one"), "sessions/a");
}

TEST_F(RequestIdsTest, IdsAreForgottenAfterAnHour) {
  const auto before = RequestIds::Clock::now();
  Add("one", "sessions/a");
  ids_.ForgetOld(before + RequestIds::kKept);
  EXPECT_EQ(**Find("one"), "sessions/a");
  const auto after = RequestIds::Clock::now();
  ids_.ForgetOld(after + RequestIds::kKept + std::chrono::seconds(1));
  EXPECT_EQ(*Find("one"), std::nullopt);
  // Its session may go later.
  ids_.OnDeleted("sessions/a");
}

TEST_F(RequestIdsTest, OldestAreForgottenWhereThereAreTooMany) {
  // As read from the store, which does not write them then.
  for (size_t i = 0; i <= RequestIds::kMax; ++i) {
    ids_.Restore({.id = absl::StrCat(i),
                  .time = absl::Now(),
                  .name = absl::StrCat("sessions/", i),
                  .fingerprint = "print"});
  }
  ids_.ForgetOld(RequestIds::Clock::now());
  EXPECT_EQ(*Find("0"), std::nullopt);
  EXPECT_EQ(**Find("1"), "sessions/1");
}

}  // namespace
}  // namespace tcptool::server
