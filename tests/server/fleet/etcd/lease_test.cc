#include "server/fleet/etcd/lease.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/etcd/fake_etcd.h"

namespace tcptool::fleet {
namespace {

using dataplane::Clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LeaseTest : public ::testing::Test {
 protected:
  std::unique_ptr<Lease> NewLease() {
    return std::make_unique<Lease>(
        thread_.get_executor(), &etcd_, std::chrono::seconds(15),
        Lease::Events{
            .held = [this](int64_t id) { held_.push_back(id); },
            .lost =
                [this](const absl::Status& status) { lost_.push_back(status); },
            .trouble =
                [this](const absl::Status& status) {
                  trouble_.push_back(status);
                }});
  }

  void Grant(int64_t id, int64_t seconds) {
    etcdserverpb::LeaseGrantResponse response;
    response.set_id(id);
    response.set_ttl(seconds);
    etcd_.grants.front().Answer(response);
    etcd_.grants.pop_front();
  }
  void Renew(int64_t seconds) {
    etcdserverpb::LeaseKeepAliveResponse response;
    response.set_ttl(seconds);
    etcd_.renewals.front().Answer(response);
    etcd_.renewals.pop_front();
  }
  // Runs timers until something was called.
  template <typename Container>
  void RunUntilAny(const Container& container) {
    while (container.empty()) thread_.run_one();
  }

  // Until no timer is left.
  void RunToTheEnd() {
    work_.reset();
    thread_.run();
  }

  asio::io_context thread_;
  // It waits although there is nothing to wait for yet.
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  FakeEtcd etcd_;
  std::vector<int64_t> held_;
  std::vector<absl::Status> lost_;
  std::vector<absl::Status> trouble_;
};

TEST_F(LeaseTest, IsHeldWhenItIsGranted) {
  const auto lease = NewLease();
  ASSERT_EQ(etcd_.grants.size(), 1U);
  EXPECT_EQ(etcd_.grants.front().request.ttl(), 15);
  EXPECT_FALSE(lease->IsHeld());
  Grant(7, 15);
  EXPECT_TRUE(lease->IsHeld());
  EXPECT_EQ(lease->id(), 7);
  EXPECT_THAT(held_, ElementsAre(7));
}

TEST_F(LeaseTest, AGrantThatFailsIsTriedAgain) {
  const auto lease = NewLease();
  etcd_.grants.front().Answer(absl::UnavailableError("nobody is there"));
  etcd_.grants.pop_front();
  EXPECT_EQ(trouble_.size(), 1U);
  RunUntilAny(etcd_.grants);
  Grant(7, 15);
  EXPECT_THAT(held_, ElementsAre(7));
}

TEST_F(LeaseTest, AGrantWhoseAnswerComesTooLateIsNotHeld) {
  const auto lease = NewLease();
  etcd_.grants.front().sent = Clock::now() - std::chrono::seconds(14);
  Grant(7, 15);
  EXPECT_THAT(held_, IsEmpty());
  RunUntilAny(etcd_.grants);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(LeaseTest, IsRenewedWithItsNumber) {
  const auto lease = NewLease();
  Grant(7, 1);
  RunUntilAny(etcd_.renewals);
  EXPECT_EQ(etcd_.renewals.front().request.id(), 7);
  Renew(15);
  EXPECT_TRUE(lease->IsHeld());
}

TEST_F(LeaseTest, IsLostOnceWhenEtcdSaysSo) {
  const auto lease = NewLease();
  Grant(7, 1);
  RunUntilAny(etcd_.renewals);
  Renew(0);
  EXPECT_FALSE(lease->IsHeld());
  ASSERT_EQ(lost_.size(), 1U);
  EXPECT_EQ(lost_[0].code(), absl::StatusCode::kNotFound);
  // Nothing is left that could tell it again.
  RunToTheEnd();
  EXPECT_EQ(lost_.size(), 1U);
}

TEST_F(LeaseTest, IsLostByTheClockWhenRenewalsFail) {
  const auto lease = NewLease();
  const Clock::time_point granted = Clock::now();
  Grant(7, 1);
  while (lost_.empty()) {
    thread_.run_one();
    if (etcd_.renewals.empty()) continue;
    etcd_.renewals.front().Answer(absl::UnavailableError("nobody is there"));
    etcd_.renewals.pop_front();
  }
  EXPECT_GE(Clock::now() - granted,
            std::chrono::milliseconds(900) - std::chrono::milliseconds(50));
  EXPECT_FALSE(lease->IsHeld());
  EXPECT_EQ(lost_[0].code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(lost_[0].message()),
              ::testing::HasSubstr("nobody is there"));
  EXPECT_THAT(trouble_, ::testing::Not(IsEmpty()));
  RunToTheEnd();
  EXPECT_EQ(lost_.size(), 1U);
}

TEST_F(LeaseTest, IsLostByTheClockWhenARenewalHasNoAnswer) {
  const auto lease = NewLease();
  Grant(7, 1);
  RunUntilAny(lost_);
  ASSERT_EQ(etcd_.renewals.size(), 1U);
  EXPECT_FALSE(lease->IsHeld());
  // It comes after all.
  Renew(15);
  EXPECT_FALSE(lease->IsHeld());
  EXPECT_EQ(lost_.size(), 1U);
}

TEST_F(LeaseTest, IsNotHeldAnyMoreBeforeAnybodyIsTold) {
  const auto lease = NewLease();
  etcd_.grants.front().sent = Clock::now() - std::chrono::milliseconds(800);
  Grant(7, 1);
  // Nobody runs the timers.
  while (lease->IsHeld()) {
  }
  EXPECT_THAT(lost_, IsEmpty());
  thread_.poll();
  EXPECT_EQ(lost_.size(), 1U);
}

TEST_F(LeaseTest, TellsNothingWhenItIsGone) {
  auto lease = NewLease();
  Grant(7, 1);
  RunUntilAny(etcd_.renewals);
  lease.reset();
  Renew(0);
  RunToTheEnd();
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(LeaseTest, IsGivenBack) {
  const auto lease = NewLease();
  Grant(7, 15);
  std::vector<absl::Status> revoked;
  lease->Revoke(
      [&revoked](const absl::Status& status) { revoked.push_back(status); });
  EXPECT_FALSE(lease->IsHeld());
  ASSERT_EQ(etcd_.revocations.size(), 1U);
  EXPECT_EQ(etcd_.revocations.front().request.id(), 7);
  etcd_.revocations.front().Answer(etcdserverpb::LeaseRevokeResponse());
  EXPECT_THAT(revoked, ElementsAre(absl::OkStatus()));
  EXPECT_THAT(lost_, IsEmpty());
}

}  // namespace
}  // namespace tcptool::fleet
