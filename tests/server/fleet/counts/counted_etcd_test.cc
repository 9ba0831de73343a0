#include "server/fleet/counts/counted_etcd.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"
#include "tests/server/fleet/memory_etcd/memory_etcd.h"

namespace tcptool::fleet {
namespace {

using dataplane::Clock;

class CountedEtcdTest : public ::testing::Test {
 protected:
  uint64_t Failures(EtcdCall call, EtcdFailure failure) const {
    return counts_->Read()
        .etcd_failures[static_cast<size_t>(call)][static_cast<size_t>(failure)];
  }
  uint64_t AllFailures() const {
    uint64_t all = 0;
    for (const auto& of_call : counts_->Read().etcd_failures) {
      for (const uint64_t failures : of_call) all += failures;
    }
    return all;
  }
  bool IsReachable() const { return counts_->Read().is_etcd_reachable; }
  // Until nothing is left to be done at once.
  void Settle() {
    thread_.restart();
    while (thread_.poll() > 0) {
    }
  }
  // Passes the answer of a call on to `status_`.
  template <typename Response>
  EtcdDone<Response> Remember() {
    return [this](const absl::StatusOr<Response>& response, Clock::time_point) {
      status_ = response.status();
      ++answers_;
    };
  }

  asio::io_context thread_;
  MemoryEtcd memory_;
  MemoryConnection connection_{thread_.get_executor(), &memory_};
  const std::shared_ptr<FleetCounts> counts_ = std::make_shared<FleetCounts>();
  CountedEtcd etcd_{&connection_, counts_};
  absl::Status status_;
  int answers_ = 0;
};

TEST_F(CountedEtcdTest, EachCallIsPassedOnAndItsAnswerIsOne) {
  auto expect_answer = [this, answers = 0](const char* call) mutable {
    // As if etcd had been away.
    counts_->Answered(EtcdCall::kRead, absl::UnavailableError(""));
    Settle();
    EXPECT_EQ(answers_, ++answers) << call;
    EXPECT_TRUE(IsReachable()) << call;
  };
  etcdserverpb::PutRequest put;
  put.set_key("key");
  put.set_value("value");
  etcd_.Put(put, Remember<etcdserverpb::PutResponse>());
  expect_answer("Put");
  EXPECT_TRUE(memory_.keys().contains("key"));
  etcdserverpb::RangeRequest range;
  range.set_key("key");
  etcd_.Range(range, Remember<etcdserverpb::RangeResponse>());
  expect_answer("Range");
  etcdserverpb::DeleteRangeRequest deletion;
  deletion.set_key("key");
  etcd_.DeleteRange(deletion, Remember<etcdserverpb::DeleteRangeResponse>());
  expect_answer("DeleteRange");
  EXPECT_FALSE(memory_.keys().contains("key"));
  etcdserverpb::TxnRequest transaction;
  *transaction.add_success()->mutable_request_put() = put;
  etcd_.Txn(transaction, Remember<etcdserverpb::TxnResponse>());
  expect_answer("Txn");
  EXPECT_TRUE(memory_.keys().contains("key"));
  etcd_.Compact(etcdserverpb::CompactionRequest(),
                Remember<etcdserverpb::CompactionResponse>());
  expect_answer("Compact");
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(15);
  int64_t lease = 0;
  etcd_.GrantLease(
      grant,
      [&](const absl::StatusOr<etcdserverpb::LeaseGrantResponse>& response,
          Clock::time_point) {
        lease = response->id();
        ++answers_;
      });
  expect_answer("GrantLease");
  etcdserverpb::LeaseKeepAliveRequest renewal;
  renewal.set_id(lease);
  etcd_.RenewLease(renewal, Remember<etcdserverpb::LeaseKeepAliveResponse>());
  expect_answer("RenewLease");
  EXPECT_EQ(memory_.TimeToLive(lease), 15);
  etcdserverpb::LeaseRevokeRequest revocation;
  revocation.set_id(lease);
  etcd_.RevokeLease(revocation, Remember<etcdserverpb::LeaseRevokeResponse>());
  expect_answer("RevokeLease");
  EXPECT_EQ(memory_.TimeToLive(lease), 0);
}

TEST_F(CountedEtcdTest, AFailureIsPassedOnAndCounted) {
  connection_.fate = [](const etcdserverpb::TxnRequest&) {
    return Fate::kAnswerLost;
  };
  etcd_.Txn(etcdserverpb::TxnRequest(), Remember<etcdserverpb::TxnResponse>());
  Settle();
  EXPECT_TRUE(absl::IsUnknown(status_));
  EXPECT_EQ(Failures(EtcdCall::kTransaction, EtcdFailure::kUnknown), 1u);
  connection_.fate = [](const etcdserverpb::TxnRequest&) {
    return Fate::kRefused;
  };
  etcd_.Txn(etcdserverpb::TxnRequest(), Remember<etcdserverpb::TxnResponse>());
  Settle();
  EXPECT_EQ(Failures(EtcdCall::kTransaction, EtcdFailure::kUnavailable), 1u);
  EXPECT_FALSE(IsReachable());
}

TEST_F(CountedEtcdTest, AGuardThatDoesNotHoldIsNoFailure) {
  etcdserverpb::TxnRequest transaction;
  etcdserverpb::Compare& compare = *transaction.add_compare();
  compare.set_key("absent");
  compare.set_target(etcdserverpb::Compare::CREATE);
  compare.set_result(etcdserverpb::Compare::EQUAL);
  compare.set_create_revision(1);
  bool succeeded = true;
  etcd_.Txn(transaction,
            [&](const absl::StatusOr<etcdserverpb::TxnResponse>& response,
                Clock::time_point) { succeeded = response->succeeded(); });
  Settle();
  EXPECT_FALSE(succeeded);
  EXPECT_EQ(AllFailures(), 0u);
  EXPECT_TRUE(IsReachable());
}

TEST_F(CountedEtcdTest, AWatchAnswersWithEachResponseAndFailsAtItsEnd) {
  etcdserverpb::WatchCreateRequest request;
  request.set_key("key");
  request.set_start_revision(1);
  int events = 0;
  absl::Status end;
  const auto stream = etcd_.Watch(
      request, {.response =
                    [&](const etcdserverpb::WatchResponse& response) {
                      events += response.events_size();
                    },
                .end = [&](const absl::Status& status) { end = status; }});
  Settle();
  EXPECT_TRUE(IsReachable()) << "It has begun.";
  counts_->Answered(EtcdCall::kRead, absl::UnavailableError(""));
  memory_.Put("key", "value");
  Settle();
  EXPECT_EQ(events, 1);
  EXPECT_TRUE(IsReachable());
  connection_.EndWatches();
  Settle();
  EXPECT_TRUE(absl::IsUnavailable(end));
  EXPECT_EQ(Failures(EtcdCall::kWatch, EtcdFailure::kUnavailable), 1u);
  EXPECT_FALSE(IsReachable());
}

}  // namespace
}  // namespace tcptool::fleet
