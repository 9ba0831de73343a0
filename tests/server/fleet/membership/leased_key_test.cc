#include "server/fleet/membership/leased_key.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/etcd/fake_etcd.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"
#include "tests/server/fleet/memory_etcd/memory_etcd.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One that wants the key, over a connection of its own.
struct Candidate {
  Candidate(asio::io_context& thread, MemoryEtcd* etcd)
      : executor(thread.get_executor()), connection(executor, etcd) {}

  void Begin(const std::string& value) {
    key = std::make_unique<LeasedKey>(
        executor, &connection, LeasedKeyOptions{.key = "k", .value = value},
        LeasedKey::Events{
            .held =
                [this](int64_t revision) {
                  told.push_back(absl::StrCat("held ", revision));
                },
            .lost =
                [this](const absl::Status& status) {
                  told.push_back(absl::StrCat(
                      "lost ", absl::StatusCodeToString(status.code())));
                },
            .taken =
                [this](const std::string& by) {
                  told.push_back(absl::StrCat("taken by ", by));
                },
            .trouble = [this](const absl::Status&) { ++troubles; }});
  }

  const asio::any_io_executor executor;
  MemoryConnection connection;
  std::unique_ptr<LeasedKey> key;
  std::vector<std::string> told;
  int troubles = 0;
};

class LeasedKeyTest : public ::testing::Test {
 protected:
  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) thread_.run_one();
  }
  // Until a candidate has been told so often.
  void RunUntilTold(const Candidate& candidate, size_t times) {
    RunUntil([&] { return candidate.told.size() >= times; });
  }
  // Whatever is not to wait for.
  void RunReady() { thread_.poll(); }

  asio::io_context thread_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  MemoryEtcd etcd_;
  Candidate a_{thread_, &etcd_};
  Candidate b_{thread_, &etcd_};
};

TEST_F(LeasedKeyTest, IsWrittenUnderItsLease) {
  a_.Begin("a");
  EXPECT_EQ(a_.key->create_revision(), 0);
  RunUntilTold(a_, 1);
  EXPECT_THAT(a_.told, ElementsAre("held 2"));
  EXPECT_EQ(a_.key->create_revision(), 2);
  EXPECT_EQ(etcd_.keys().at("k").value(), "a");
  EXPECT_EQ(etcd_.LeaseOf("k"), a_.key->lease());
  EXPECT_EQ(etcd_.TimeToLive(a_.key->lease()), 15);
}

TEST_F(LeasedKeyTest, OneAtATimeHasIt) {
  a_.Begin("a");
  RunUntilTold(a_, 1);
  b_.Begin("b");
  RunUntilTold(b_, 1);
  EXPECT_THAT(b_.told, ElementsAre("taken by a"));
  EXPECT_EQ(b_.key->create_revision(), 0);
  EXPECT_EQ(a_.key->create_revision(), 2);

  // Its lease runs out while it cannot be told.
  const int64_t lease = a_.key->lease();
  a_.connection.Cut();
  etcd_.EndLease(lease);
  RunUntilTold(b_, 2);
  EXPECT_EQ(b_.told.back(), "held 4");
  EXPECT_EQ(etcd_.keys().at("k").value(), "b");
}

TEST_F(LeasedKeyTest, IsFreeAtOnceWhenItIsReleased) {
  a_.Begin("a");
  RunUntilTold(a_, 1);
  b_.Begin("b");
  RunUntilTold(b_, 1);
  std::vector<absl::Status> released;
  a_.key->Release(
      [&released](const absl::Status& status) { released.push_back(status); });
  EXPECT_EQ(a_.key->create_revision(), 0);
  RunUntilTold(b_, 2);
  EXPECT_EQ(b_.told.back(), "held 4");
  EXPECT_THAT(released, ElementsAre(absl::OkStatus()));
  EXPECT_THAT(a_.told, ElementsAre("held 2"));
}

TEST_F(LeasedKeyTest, IsWrittenAgainWhenItWasDeleted) {
  a_.Begin("a");
  RunUntilTold(a_, 1);
  etcd_.Delete("k");
  RunUntilTold(a_, 3);
  EXPECT_THAT(a_.told, ElementsAre("held 2", "lost ABORTED", "held 4"));
  EXPECT_EQ(etcd_.LeaseOf("k"), a_.key->lease());
}

TEST_F(LeasedKeyTest, IsFoundToBeLostByACheckToo) {
  a_.Begin("a");
  RunUntilTold(a_, 1);
  RunReady();
  a_.connection.DropEvents();
  etcd_.Delete("k");
  a_.key->Check();
  RunUntilTold(a_, 3);
  EXPECT_THAT(a_.told, ElementsAre("held 2", "lost ABORTED", "held 4"));
}

TEST_F(LeasedKeyTest, ACheckThatFindsItTellsNothing) {
  a_.Begin("a");
  RunUntilTold(a_, 1);
  a_.key->Check();
  RunReady();
  EXPECT_THAT(a_.told, ElementsAre("held 2"));
}

TEST_F(LeasedKeyTest, WhatBecameOfAnUnknownWriteIsFoundOut) {
  for (const Fate fate : {Fate::kAnswerLost, Fate::kRequestLost}) {
    Candidate candidate(thread_, &etcd_);
    int left = 2;
    candidate.connection.fate = [&](const auto&) {
      return left-- > 0 ? fate : Fate::kAnswered;
    };
    candidate.Begin("a");
    RunUntilTold(candidate, 1);
    EXPECT_EQ(candidate.troubles, 2);
    EXPECT_THAT(candidate.told,
                ElementsAre(absl::StrCat(
                    "held ", etcd_.keys().at("k").create_revision())));
    EXPECT_EQ(etcd_.LeaseOf("k"), candidate.key->lease());
    etcd_.EndLease(candidate.key->lease());
  }
}

TEST_F(LeasedKeyTest, ALateWriteChangesNothing) {
  bool is_first = true;
  a_.connection.fate = [&is_first](const auto&) {
    return std::exchange(is_first, false) ? Fate::kLate : Fate::kAnswered;
  };
  a_.Begin("a");
  RunUntilTold(a_, 1);
  a_.connection.CarryOutLate();
  RunReady();
  EXPECT_THAT(a_.told, ElementsAre("held 2"));
  EXPECT_EQ(etcd_.revision(), 2);
}

TEST_F(LeasedKeyTest, TellsOfTroubleAndGoesOn) {
  int left = 2;
  a_.connection.fate = [&left](const auto&) {
    return left-- > 0 ? Fate::kRefused : Fate::kAnswered;
  };
  a_.Begin("a");
  RunUntilTold(a_, 1);
  EXPECT_EQ(a_.troubles, 2);
}

// A lease of one second, which is not renewed in time, although etcd keeps it:
// as when etcd was away, and counts all leases anew when it is back.
TEST_F(LeasedKeyTest, MovesToAnotherLeaseWithoutBeingGone) {
  a_.key = std::make_unique<LeasedKey>(
      a_.executor, &a_.connection,
      LeasedKeyOptions{
          .key = "k", .value = "a", .time_to_live = std::chrono::seconds(1)},
      LeasedKey::Events{
          .held =
              [this](int64_t revision) {
                a_.told.push_back(absl::StrCat("held ", revision));
              },
          .lost = [this](const absl::Status&) { a_.told.push_back("lost"); },
          .taken = [this](const auto&) { a_.told.push_back("taken"); },
          .trouble = [](const absl::Status&) {}});
  RunUntilTold(a_, 1);
  const int64_t lease = a_.key->lease();
  // Nobody runs its timers until it has run out by the clock.
  while (a_.key->create_revision() != 0) {
  }
  RunUntilTold(a_, 3);
  EXPECT_THAT(a_.told, ElementsAre("held 2", "lost", "held 2"));
  EXPECT_NE(a_.key->lease(), lease);
  EXPECT_EQ(etcd_.LeaseOf("k"), a_.key->lease());
  EXPECT_EQ(etcd_.keys().at("k").create_revision(), 2);
}

TEST_F(LeasedKeyTest, IsFoundFreeByACheckIfTheWatchSaysNothing) {
  a_.Begin("a");
  RunUntilTold(a_, 1);
  b_.key = std::make_unique<LeasedKey>(
      b_.executor, &b_.connection,
      LeasedKeyOptions{.key = "k",
                       .value = "b",
                       .check_interval = std::chrono::milliseconds(20)},
      LeasedKey::Events{
          .held = [this](int64_t) { b_.told.push_back("held"); },
          .lost = [](const absl::Status&) {},
          .taken = [this](const auto&) { b_.told.push_back("taken"); },
          .trouble = [](const absl::Status&) {}});
  RunUntilTold(b_, 1);
  b_.connection.DropEvents();
  etcd_.EndLease(a_.key->lease());
  a_.connection.Cut();
  RunUntilTold(b_, 2);
  EXPECT_THAT(b_.told, ElementsAre("taken", "held"));
}

class LeftKeyTest : public LeasedKeyTest {
 protected:
  // b wants what a has, and does not wait for those that have written "dead".
  void BeginSecond(const std::string& first) {
    a_.Begin(first);
    RunUntilTold(a_, 1);
    lease_ = a_.key->lease();
    b_.key = std::make_unique<LeasedKey>(
        b_.executor, &b_.connection,
        LeasedKeyOptions{.key = "k",
                         .value = "b",
                         .is_left =
                             [this](const std::string& value) {
                               if (before_answer_)
                                 std::exchange(before_answer_, {})();
                               return value == "dead";
                             }},
        LeasedKey::Events{
            .held =
                [this](int64_t revision) {
                  b_.told.push_back(absl::StrCat("held ", revision));
                },
            .lost = [](const absl::Status&) {},
            .taken =
                [this](const std::string& by) {
                  b_.told.push_back(absl::StrCat("taken by ", by));
                },
            .trouble = [this](const absl::Status&) { ++b_.troubles; }});
  }

  int64_t lease_ = 0;                    // a's.
  std::function<void()> before_answer_;  // To the first question.
};

TEST_F(LeftKeyTest, OneOfADeadProcessIsNotWaitedFor) {
  BeginSecond("dead");
  a_.connection.Cut();
  RunUntilTold(b_, 1);
  // As after the end of the lease: another incarnation.
  EXPECT_THAT(b_.told, ElementsAre("held 4"));
  EXPECT_EQ(etcd_.keys().at("k").value(), "b");
  EXPECT_EQ(etcd_.LeaseOf("k"), b_.key->lease());
  EXPECT_NE(b_.key->lease(), lease_);
}

TEST_F(LeftKeyTest, OneOfALivingProcessIs) {
  BeginSecond("alive");
  RunUntilTold(b_, 1);
  RunReady();
  EXPECT_THAT(b_.told, ElementsAre("taken by alive"));
  EXPECT_EQ(etcd_.LeaseOf("k"), lease_);
  EXPECT_EQ(a_.key->create_revision(), 2);
}

TEST_F(LeftKeyTest, OneThatMayNotBeRevokedIsWaitedFor) {
  b_.connection.may_revoke = false;
  BeginSecond("dead");
  a_.connection.Cut();
  RunUntilTold(b_, 1);
  RunReady();
  EXPECT_THAT(b_.told, ElementsAre("taken by dead"));
  EXPECT_EQ(b_.troubles, 1);
  EXPECT_EQ(etcd_.LeaseOf("k"), lease_);
  etcd_.EndLease(lease_);
  RunUntilTold(b_, 2);
  EXPECT_EQ(b_.told.back(), "held 4");
}

TEST_F(LeftKeyTest, WhoHasTakenItMeanwhileKeepsIt) {
  before_answer_ = [this] {
    etcd_.EndLease(lease_);
    etcd_.Put("k", "alive");
  };
  BeginSecond("dead");
  RunUntilTold(b_, 1);
  RunReady();
  EXPECT_THAT(b_.told, ElementsAre("taken by alive"));
  EXPECT_EQ(etcd_.keys().at("k").value(), "alive");
}

TEST_F(LeasedKeyTest, TellsNothingWhenItIsGone) {
  a_.Begin("a");
  a_.key.reset();
  RunReady();
  EXPECT_THAT(a_.told, IsEmpty());
}

TEST_F(LeasedKeyTest, IsReleasedBeforeThereIsALease) {
  FakeEtcd etcd;
  LeasedKey key(thread_.get_executor(), &etcd, {.key = "k", .value = "a"},
                {.held = [](int64_t) { ADD_FAILURE(); },
                 .lost = [](const absl::Status&) { ADD_FAILURE(); },
                 .taken = [](const std::string&) { ADD_FAILURE(); },
                 .trouble = [](const absl::Status&) { ADD_FAILURE(); }});
  bool released = false;
  key.Release([&](const absl::Status&) { released = true; });
  EXPECT_TRUE(released);
  ASSERT_EQ(etcd.grants.size(), 1u);
  etcd.grants[0].Answer(absl::UnavailableError("no member answers"));
  EXPECT_EQ(key.lease(), 0);
}

TEST_F(LeasedKeyTest, MayBeDestroyedByWhomItTells) {
  std::unique_ptr<LeasedKey> key;
  bool is_lost = false;
  key = std::make_unique<LeasedKey>(
      a_.executor, &a_.connection, LeasedKeyOptions{.key = "k", .value = "a"},
      LeasedKey::Events{.held = [this](int64_t) { etcd_.Delete("k"); },
                        .lost =
                            [&](const absl::Status&) {
                              is_lost = true;
                              key.reset();
                            },
                        .taken = [](const auto&) {},
                        .trouble = [](const absl::Status&) {}});
  RunUntil([&] { return is_lost; });
  RunReady();
  EXPECT_EQ(key, nullptr);
}

}  // namespace
}  // namespace tcptool::fleet
