#include "server/fleet/counts/fleet_counts.h"

#include <gtest/gtest.h>

#include <chrono>

#include "absl/status/status.h"

namespace tcptool::fleet {
namespace {

using std::chrono::seconds;

class FleetCountsTest : public ::testing::Test {
 protected:
  void Answered(EtcdCall call, const absl::Status& status) {
    counts_.Answered(call, status, now_);
  }
  uint64_t Failures(EtcdCall call, EtcdFailure failure) const {
    return counts_.Read(now_)
        .etcd_failures[static_cast<size_t>(call)][static_cast<size_t>(failure)];
  }

  FleetCounts::Clock::time_point now_ = FleetCounts::Clock::now();
  FleetCounts counts_{now_};
};

TEST_F(FleetCountsTest, ANodeBeginsWithNothing) {
  const FleetMeasures measures = counts_.Read(now_ + seconds(3));
  EXPECT_FALSE(measures.is_registered);
  EXPECT_FALSE(measures.is_coordinator);
  EXPECT_FALSE(measures.is_etcd_reachable);
  EXPECT_EQ(measures.etcd_silence, seconds(3));
  EXPECT_FALSE(measures.totals);
}

TEST_F(FleetCountsTest, AnAnswerOfEtcdsEndsItsSilence) {
  now_ += seconds(3);
  Answered(EtcdCall::kRead, absl::OkStatus());
  FleetMeasures measures = counts_.Read(now_ + seconds(1));
  EXPECT_TRUE(measures.is_etcd_reachable);
  EXPECT_EQ(measures.etcd_silence, seconds(1));
  for (const absl::Status& status :
       {absl::UnavailableError(""), absl::UnknownError(""),
        absl::DeadlineExceededError(""), absl::CancelledError("")}) {
    now_ += seconds(1);
    Answered(EtcdCall::kTransaction, status);
    measures = counts_.Read(now_);
    EXPECT_FALSE(measures.is_etcd_reachable) << status;
  }
  EXPECT_EQ(measures.etcd_silence, seconds(4));
  // What etcd refuses it has heard.
  Answered(EtcdCall::kTransaction, absl::PermissionDeniedError(""));
  measures = counts_.Read(now_);
  EXPECT_TRUE(measures.is_etcd_reachable);
  EXPECT_EQ(measures.etcd_silence, seconds(0));
}

TEST_F(FleetCountsTest, AnAnswerAfterTheLookIsNoNegativeSilence) {
  counts_.Answered(EtcdCall::kRead, absl::OkStatus(), now_ + seconds(1));
  EXPECT_EQ(counts_.Read(now_).etcd_silence, seconds(0));
}

TEST_F(FleetCountsTest, FailuresAreCountedByWhatWasAskedAndWhy) {
  Answered(EtcdCall::kTransaction, absl::UnknownError(""));
  Answered(EtcdCall::kTransaction, absl::UnknownError(""));
  Answered(EtcdCall::kTransaction, absl::ResourceExhaustedError(""));
  Answered(EtcdCall::kLease, absl::UnavailableError(""));
  Answered(EtcdCall::kRead, absl::UnauthenticatedError(""));
  Answered(EtcdCall::kRead, absl::OutOfRangeError(""));
  Answered(EtcdCall::kWatch, absl::PermissionDeniedError(""));
  EXPECT_EQ(Failures(EtcdCall::kTransaction, EtcdFailure::kUnknown), 2u);
  EXPECT_EQ(Failures(EtcdCall::kTransaction, EtcdFailure::kResourceExhausted),
            1u);
  EXPECT_EQ(Failures(EtcdCall::kTransaction, EtcdFailure::kUnavailable), 0u);
  EXPECT_EQ(Failures(EtcdCall::kLease, EtcdFailure::kUnavailable), 1u);
  EXPECT_EQ(Failures(EtcdCall::kRead, EtcdFailure::kUnauthenticated), 1u);
  EXPECT_EQ(Failures(EtcdCall::kRead, EtcdFailure::kOther), 1u);
  EXPECT_EQ(Failures(EtcdCall::kWatch, EtcdFailure::kPermissionDenied), 1u);
}

TEST_F(FleetCountsTest, ACoordinatorThatIsReplacedIsAChange) {
  counts_.Saw(0, 1);
  counts_.Saw(7, 2);
  counts_.Saw(7, 3);
  EXPECT_EQ(counts_.Read().coordinator_changes, 0u) << "It is the first.";
  EXPECT_EQ(counts_.Read().nodes, 3);
  // Gone, and another one.
  counts_.Saw(0, 2);
  counts_.Saw(9, 2);
  EXPECT_EQ(counts_.Read().coordinator_changes, 1u);
  // Back without another one in between.
  counts_.Saw(0, 2);
  counts_.Saw(9, 2);
  EXPECT_EQ(counts_.Read().coordinator_changes, 1u);
}

TEST_F(FleetCountsTest, TheRestIsAsItWasToldLast) {
  counts_.SetRegistered(true);
  counts_.SetCoordinator(true);
  counts_.FoundSlowNode();
  DeliveryCounts deliveries;
  deliveries.held[v1::DELIVERY_STATE_RECEIVING] = 2;
  deliveries.ended[v1::DELIVERY_STATE_FAILED] = 1;
  counts_.SetDeliveries(deliveries);
  FleetMeasures measures = counts_.Read();
  EXPECT_TRUE(measures.is_registered);
  EXPECT_TRUE(measures.is_coordinator);
  EXPECT_EQ(measures.slow_nodes, 1u);
  EXPECT_EQ(measures.deliveries.held, deliveries.held);
  EXPECT_EQ(measures.deliveries.ended, deliveries.ended);
  counts_.SetRegistered(false);
  counts_.SetCoordinator(false);
  measures = counts_.Read();
  EXPECT_FALSE(measures.is_registered);
  EXPECT_FALSE(measures.is_coordinator);
}

}  // namespace
}  // namespace tcptool::fleet
