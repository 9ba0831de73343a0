// That the etcd in memory does what the real one does.
#include "tests/server/fleet/memory_etcd/memory_etcd.h"

#include <asio/io_context.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;

etcdserverpb::TxnRequest PutIf(etcdserverpb::Compare::CompareTarget target,
                               const std::string& key, int64_t number,
                               int64_t lease = 0) {
  etcdserverpb::TxnRequest request;
  etcdserverpb::Compare& compare = *request.add_compare();
  compare.set_key(key);
  compare.set_target(target);
  if (target == etcdserverpb::Compare::CREATE) {
    compare.set_create_revision(number);
  } else if (target == etcdserverpb::Compare::MOD) {
    compare.set_mod_revision(number);
  } else {
    compare.set_lease(number);
  }
  auto& put = *request.add_success()->mutable_request_put();
  put.set_key(key);
  put.set_value("new");
  put.set_lease(lease);
  request.add_failure()->mutable_request_range()->set_key(key);
  return request;
}

TEST(MemoryEtcd, CountsRevisionsAsEtcdDoes) {
  MemoryEtcd etcd;
  etcd.Put("a", "1");
  etcd.Put("a", "2");
  EXPECT_EQ(etcd.keys().at("a").create_revision(), 2);
  EXPECT_EQ(etcd.keys().at("a").mod_revision(), 3);
  etcd.Delete("a");
  EXPECT_EQ(etcd.revision(), 4);
  etcd.Delete("a");
  EXPECT_EQ(etcd.revision(), 4);
  etcd.Put("a", "3");
  EXPECT_EQ(etcd.keys().at("a").create_revision(), 5);
}

TEST(MemoryEtcd, CarriesOutATransactionIfItsGuardsHold) {
  MemoryEtcd etcd;
  using Compare = etcdserverpb::Compare;
  EXPECT_TRUE(etcd.Txn(PutIf(Compare::CREATE, "a", 0))->succeeded());
  const auto refused = etcd.Txn(PutIf(Compare::CREATE, "a", 0));
  EXPECT_FALSE(refused->succeeded());
  EXPECT_EQ(refused->responses(0).response_range().kvs(0).key(), "a");
  EXPECT_TRUE(etcd.Txn(PutIf(Compare::MOD, "a", 2))->succeeded());
  EXPECT_FALSE(etcd.Txn(PutIf(Compare::MOD, "a", 2))->succeeded());
  const int64_t lease = etcd.GrantLease(15);
  EXPECT_FALSE(etcd.Txn(PutIf(Compare::LEASE, "a", lease))->succeeded());
  EXPECT_TRUE(etcd.Txn(PutIf(Compare::LEASE, "a", 0, lease))->succeeded());
  EXPECT_EQ(etcd.LeaseOf("a"), lease);
}

TEST(MemoryEtcd, RefusesWhatEtcdRefuses) {
  MemoryEtcd etcd;
  EXPECT_EQ(
      etcd.Txn(PutIf(etcdserverpb::Compare::CREATE, "a", 0, 7)).status().code(),
      absl::StatusCode::kNotFound);
  etcdserverpb::TxnRequest twice;
  twice.add_success()->mutable_request_put()->set_key("a");
  twice.add_success()->mutable_request_put()->set_key("a");
  EXPECT_EQ(etcd.Txn(twice).status().code(),
            absl::StatusCode::kInvalidArgument);
  etcdserverpb::TxnRequest many;
  for (int i = 0; i < 129; ++i) {
    many.add_success()->mutable_request_put()->set_key(std::to_string(i));
  }
  EXPECT_EQ(etcd.Txn(many).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(etcd.revision(), 1);
}

TEST(MemoryEtcd, DeletesTheKeysOfALeaseAtOneRevision) {
  MemoryEtcd etcd;
  const int64_t lease = etcd.GrantLease(15);
  for (const std::string key : {"a", "b"}) {
    ASSERT_TRUE(
        etcd.Txn(PutIf(etcdserverpb::Compare::CREATE, key, 0, lease)).ok());
  }
  etcd.Put("c", "");
  const int64_t before = etcd.revision();
  etcd.EndLease(lease);
  EXPECT_EQ(etcd.revision(), before + 1);
  EXPECT_EQ(etcd.keys().size(), 1U);
  EXPECT_EQ(etcd.TimeToLive(lease), 0);
}

TEST(MemoryEtcd, ListsPagesAtOneRevision) {
  MemoryEtcd etcd;
  etcd.Put("p/a", "");
  etcd.Put("p/b", "");
  etcdserverpb::RangeRequest request;
  request.set_key("p/");
  request.set_range_end("p0");
  request.set_limit(1);
  const auto first = etcd.Range(request);
  EXPECT_TRUE(first->more());
  EXPECT_EQ(first->count(), 2);
  etcd.Delete("p/b");
  request.set_key("p/b");
  request.set_revision(first->header().revision());
  EXPECT_EQ(etcd.Range(request)->kvs_size(), 1);
  etcd.Compact(etcd.revision());
  EXPECT_EQ(etcd.Range(request).status().code(), absl::StatusCode::kOutOfRange);
}

class MemoryConnectionTest : public ::testing::Test {
 protected:
  void Run() {
    thread_.restart();
    thread_.run();
  }
  std::unique_ptr<EtcdWatchStream> Watch(int64_t from) {
    etcdserverpb::WatchCreateRequest request;
    request.set_key("p/");
    request.set_range_end("p0");
    request.set_start_revision(from);
    return connection_.Watch(
        request,
        {.response =
             [this](const etcdserverpb::WatchResponse& response) {
               for (const auto& event : response.events()) {
                 seen_.push_back(event.kv().key());
               }
               if (response.canceled()) seen_.push_back("cancelled");
             },
         .end = [this](const absl::Status&) { seen_.push_back("end"); }});
  }
  absl::Status Put(const std::string& key) {
    absl::Status status = absl::InternalError("no answer");
    connection_.Txn(
        PutIf(etcdserverpb::Compare::CREATE, key, 0),
        [&](const auto& response, auto) { status = response.status(); });
    Run();
    return status;
  }

  asio::io_context thread_;
  MemoryEtcd etcd_;
  MemoryConnection connection_{thread_.get_executor(), &etcd_};
  std::vector<std::string> seen_;
};

TEST_F(MemoryConnectionTest, WatchesFromARevisionOn) {
  etcd_.Put("p/a", "");
  etcd_.Put("p/b", "");
  const auto stream = Watch(3);
  etcd_.Put("q", "");
  etcd_.Put("p/c", "");
  Run();
  EXPECT_THAT(seen_, ElementsAre("p/b", "p/c"));
  connection_.EndWatches();
  etcd_.Put("p/d", "");
  Run();
  EXPECT_THAT(seen_, ElementsAre("p/b", "p/c", "end"));
}

TEST_F(MemoryConnectionTest, CancelsAWatchOfWhatIsCompacted) {
  etcd_.Put("p/a", "");
  etcd_.Put("p/b", "");
  etcd_.Compact(3);
  const auto stream = Watch(2);
  Run();
  EXPECT_THAT(seen_, ElementsAre("cancelled"));
}

TEST_F(MemoryConnectionTest, GivesTransactionsTheirFates) {
  Fate next = Fate::kAnswered;
  connection_.fate = [&next](const auto&) { return next; };
  EXPECT_EQ(Put("answered"), absl::OkStatus());
  next = Fate::kAnswerLost;
  EXPECT_EQ(Put("answer-lost").code(), absl::StatusCode::kUnknown);
  next = Fate::kRequestLost;
  EXPECT_EQ(Put("request-lost").code(), absl::StatusCode::kUnknown);
  next = Fate::kRefused;
  EXPECT_EQ(Put("refused").code(), absl::StatusCode::kUnavailable);
  next = Fate::kLate;
  EXPECT_EQ(Put("late").code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(etcd_.keys().size(), 2U);
  EXPECT_TRUE(etcd_.keys().contains("answer-lost"));
  connection_.CarryOutLate();
  EXPECT_TRUE(etcd_.keys().contains("late"));
  EXPECT_EQ(connection_.transactions(), 5);
}

TEST_F(MemoryConnectionTest, TellsNothingWhenItIsCut) {
  const auto stream = Watch(1);
  connection_.Cut();
  etcd_.Put("p/a", "");
  EXPECT_EQ(Put("p/b").code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(etcd_.keys().contains("p/b"));
  EXPECT_TRUE(seen_.empty());
}

}  // namespace
}  // namespace tcptool::fleet
