// Calls, against one real member.
#include "server/fleet/etcd/etcd_client.h"

#include <signal.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/etcd/etcd_cluster.h"

namespace tcptool::fleet {
namespace {

using ::testing::HasSubstr;

// Puts a key if it is not there.
etcdserverpb::TxnRequest Creation(const std::string& key,
                                  const std::string& value) {
  etcdserverpb::TxnRequest request;
  etcdserverpb::Compare& compare = *request.add_compare();
  compare.set_target(etcdserverpb::Compare::CREATE);
  compare.set_key(key);
  compare.set_create_revision(0);
  etcdserverpb::PutRequest& put = *request.add_success()->mutable_request_put();
  put.set_key(key);
  put.set_value(value);
  return request;
}

TEST(EtcdClient, PutsGetsAndDeletes) {
  const EtcdCluster etcd;
  ClientThread client(etcd.client_options());
  EXPECT_EQ(client.Put("a", "1"), absl::OkStatus());
  EXPECT_EQ(*client.Get("a"), "1");
  EXPECT_EQ(client.Delete("a"), absl::OkStatus());
  EXPECT_EQ(client.Get("a").status().code(), absl::StatusCode::kNotFound);
}

TEST(EtcdClient, ATransactionIsCarriedOutIfItsGuardHolds) {
  const EtcdCluster etcd;
  ClientThread client(etcd.client_options());
  const auto first = client.Ask(&EtcdClient::Txn, Creation("a", "first"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->succeeded());
  const auto second = client.Ask(&EtcdClient::Txn, Creation("a", "second"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->succeeded());
  EXPECT_EQ(*client.Get("a"), "first");
}

TEST(EtcdClient, ATransactionCanCompareTheLeaseOfAKey) {
  const EtcdCluster etcd;
  ClientThread client(etcd.client_options());
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(60);
  const auto lease = client.Ask(&EtcdClient::GrantLease, grant);
  ASSERT_TRUE(lease.ok()) << lease.status();
  ASSERT_EQ(client.Put("node", "", lease->id()), absl::OkStatus());

  etcdserverpb::TxnRequest request;
  etcdserverpb::Compare& compare = *request.add_compare();
  compare.set_target(etcdserverpb::Compare::LEASE);
  compare.set_key("node");
  compare.set_lease(lease->id());
  EXPECT_TRUE(client.Ask(&EtcdClient::Txn, request)->succeeded());
  compare.set_lease(lease->id() + 1);
  EXPECT_FALSE(client.Ask(&EtcdClient::Txn, request)->succeeded());

  etcdserverpb::LeaseRevokeRequest revoke;
  revoke.set_id(lease->id());
  EXPECT_TRUE(client.Ask(&EtcdClient::RevokeLease, revoke).ok());
  EXPECT_FALSE(client.Get("node").ok());
}

TEST(EtcdClient, ReadingAtACompactedRevisionIsOutOfRange) {
  const EtcdCluster etcd;
  ClientThread client(etcd.client_options());
  ASSERT_EQ(client.Put("a", "1"), absl::OkStatus());
  ASSERT_EQ(client.Put("a", "2"), absl::OkStatus());
  ASSERT_EQ(client.Compact(), absl::OkStatus());
  etcdserverpb::RangeRequest request;
  request.set_key("a");
  request.set_revision(1);
  EXPECT_EQ(client.Ask(&EtcdClient::Range, request).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST(EtcdClient, AWriteWithoutAnAnswerIsUnknownAndMayHaveHappened) {
  const EtcdCluster etcd;
  EtcdOptions options = etcd.client_options();
  options.try_timeout = std::chrono::milliseconds(300);
  ClientThread client(options);
  ASSERT_EQ(client.Put("a", "before"), absl::OkStatus());

  etcd.Signal(0, SIGSTOP);
  const auto written = client.Ask(&EtcdClient::Txn, Creation("b", "during"));
  EXPECT_EQ(written.status().code(), absl::StatusCode::kUnknown)
      << written.status();
  EXPECT_THAT(std::string(written.status().message()), HasSubstr("not known"));
  etcd.Signal(0, SIGCONT);
  // It reads back what became of it, which may be either, and is one of the two
  // from then on.
  ClientThread reader(etcd.client_options());
  const auto value = reader.Get("b");
  EXPECT_TRUE(value.ok() ? *value == "during"
                         : absl::IsNotFound(value.status()))
      << value.status();
}

TEST(EtcdClient, AReadWithoutAnAnswerIsUnavailable) {
  const EtcdCluster etcd;
  EtcdOptions options = etcd.client_options();
  options.try_timeout = std::chrono::milliseconds(200);
  options.timeout = std::chrono::milliseconds(500);
  ClientThread client(options);
  etcd.Signal(0, SIGSTOP);
  EXPECT_EQ(client.Get("a").status().code(), absl::StatusCode::kUnavailable);
  etcd.Signal(0, SIGCONT);
}

TEST(EtcdClient, AWriteWhereNobodyListensIsUnavailableAndHasNotHappened) {
  ClientThread client({.endpoints = {"unix:/nonexistent/socket"},
                       .timeout = std::chrono::milliseconds(300)});
  const absl::Status status = client.Put("a", "1");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/socket"));
}

TEST(EtcdClient, SaysWhatIsWrongWithARequest) {
  const EtcdCluster etcd({.flags = {"--max-txn-ops=2"}});
  ClientThread client(etcd.client_options());
  etcdserverpb::TxnRequest request;
  for (int i = 0; i < 3; ++i) {
    request.add_success()->mutable_request_put()->set_key(absl::StrCat(i));
  }
  const auto response = client.Ask(&EtcdClient::Txn, request);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr("too many operations"));
}

TEST(EtcdClient, SaysWhenTheDatabaseIsFull) {
  const EtcdCluster etcd({.flags = {"--quota-backend-bytes=1000000"}});
  ClientThread client(etcd.client_options());
  absl::Status status;
  // etcd looks at its size when it has written to its disk: ten times a second.
  for (int i = 0; status.ok(); ++i) {
    status = client.Put(absl::StrCat("key", i), std::string(10'000, 'x'));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("quota"));
  // Reads go on.
  EXPECT_TRUE(client.Get("key0").ok());
}

TEST(EtcdClient, CallsNobodyBackWhenItIsDestroyed) {
  const EtcdCluster etcd;
  etcd.Signal(0, SIGSTOP);
  bool called = false;
  asio::io_context thread;
  {
    auto client =
        *EtcdClient::Create(thread.get_executor(), etcd.client_options());
    etcdserverpb::RangeRequest request;
    request.set_key("a");
    client->Range(request, [&called](const auto&, auto) { called = true; });
    etcdserverpb::WatchCreateRequest watched;
    watched.set_key("a");
    const auto watch = client->Watch(
        watched, {.response = [&called](const auto&) { called = true; },
                  .end = [&called](const auto&) { called = true; }});
  }
  thread.run();
  EXPECT_FALSE(called);
}

TEST(EtcdClient, RefusesOptionsThatMakeNoSense) {
  asio::io_context thread;
  EXPECT_EQ(EtcdClient::Create(thread.get_executor(), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(EtcdClient::Create(thread.get_executor(),
                               {.endpoints = {"a:1"}, .tls_cert = "one"})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tcptool::fleet
