// Calls of other nodes, and how they end.
#include "server/peers/follow_clients.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/dataplane/testing.h"

namespace tcptool::server {
namespace {

using peer::v1::FollowRequest;
using peer::v1::FollowResponse;

// Says one message after the other, until the caller has gone; to whom has no
// name, nothing, or why it refuses.
class TalkingNode final : public peer::v1::PeerService::Service {
 public:
  explicit TalkingNode(grpc::Status refusal = grpc::Status())
      : refusal_(std::move(refusal)),
        server_(grpc::ServerBuilder()
                    .AddListeningPort("127.0.0.1:0",
                                      grpc::InsecureServerCredentials(), &port_)
                    .RegisterService(this)
                    .BuildAndStart()) {}
  ~TalkingNode() override {
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  bool WaitUntilCancelled() {
    return cancelled_.WaitForNotificationWithTimeout(dataplane::kDeadline);
  }

  // Answers when two are there.
  grpc::Status ReportRates(
      grpc::ServerContext* context,
      const peer::v1::ReportRatesRequest* /*request*/,
      peer::v1::ReportRatesResponse* /*response*/) override {
    const auto are_two = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return reporters_.size() >= 2;
    };
    absl::MutexLock lock(&mutex_);
    reporters_.push_back(context->peer());
    mutex_.AwaitWithTimeout(absl::Condition(&are_two), dataplane::kDeadline);
    return grpc::Status::OK;
  }
  // From which addresses two reports have come.
  std::vector<std::string> WaitForReports() {
    const auto are_two = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return reporters_.size() >= 2;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&are_two), dataplane::kDeadline);
    return reporters_;
  }

  grpc::Status Follow(grpc::ServerContext* context,
                      const FollowRequest* request,
                      grpc::ServerWriter<FollowResponse>* writer) override {
    if (request->node().empty()) return refusal_;
    FollowResponse response;
    response.set_digests(std::string(32, 'd'));
    while (writer->Write(response)) {
    }
    if (context->IsCancelled()) cancelled_.Notify();
    return grpc::Status::OK;
  }

 private:
  int port_ = 0;
  const grpc::Status refusal_;
  absl::Notification cancelled_;
  absl::Mutex mutex_;
  std::vector<std::string> reporters_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
};

FollowRequest Named() {
  FollowRequest request;
  request.set_node("child");
  return request;
}

// What the test is told of one call.
struct Told {
  FollowClient::Handlers Handlers() {
    return {.on_message =
                [this](const FollowResponse&) {
                  absl::MutexLock lock(&mutex);
                  ++messages;
                },
            .on_end =
                [this](const absl::Status& status) {
                  end = status;
                  ended.Notify();
                }};
  }
  bool WaitForMessages(int count) {
    const auto have_come = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex) {
      return messages >= count;
    };
    absl::MutexLock lock(&mutex);
    return mutex.AwaitWithTimeout(absl::Condition(&have_come),
                                  dataplane::kDeadline);
  }

  absl::Mutex mutex;
  int messages ABSL_GUARDED_BY(mutex) = 0;
  absl::Status end;
  absl::Notification ended;
};

TEST(FollowClientsTest, NextReadsOneMessage) {
  TalkingNode node;
  Told told;
  FollowClients clients(*NodeCredentials::Load({}, {}));
  const auto client = clients.Start(node.address(), Named(), told.Handlers());
  for (int count = 1; count <= 3; ++count) {
    ASSERT_TRUE(told.WaitForMessages(count));
    {
      absl::MutexLock lock(&told.mutex);
      EXPECT_EQ(told.messages, count);
    }
    client->Next();
  }
  client->Cancel();
  EXPECT_TRUE(node.WaitUntilCancelled());
  EXPECT_FALSE(told.ended.HasBeenNotified());
}

TEST(FollowClientsTest, CallThatNobodyReadsIsCancelled) {
  TalkingNode node;
  Told told;
  FollowClients clients(*NodeCredentials::Load({}, {}));
  const auto client = clients.Start(node.address(), Named(), told.Handlers());
  ASSERT_TRUE(told.WaitForMessages(1));
  client->Cancel();
  client->Next();
  EXPECT_TRUE(node.WaitUntilCancelled());
  absl::MutexLock lock(&told.mutex);
  EXPECT_EQ(told.messages, 1);
}

TEST(FollowClientsTest, WhatANodeSaysOfAnErrorIsShortAndPrintable) {
  TalkingNode node(
      {grpc::StatusCode::UNAVAILABLE, "\xff\x1b[2J" + std::string(4000, 'x')});
  Told told;
  FollowClients clients(*NodeCredentials::Load({}, {}));
  clients.Start(node.address(), {}, told.Handlers());
  ASSERT_TRUE(told.ended.WaitForNotificationWithTimeout(dataplane::kDeadline));
  EXPECT_TRUE(absl::IsUnavailable(told.end)) << told.end;
  EXPECT_EQ(told.end.message(), "??[2J" + std::string(495, 'x'));
}

TEST(FollowClientsTest, CallsOfTheCoordinatorShareAConnection) {
  TalkingNode node;
  FollowClients clients(*NodeCredentials::Load({}, {}));
  for (int i = 0; i < 2; ++i) clients.Report(node.address(), {});
  const std::vector<std::string> reporters = node.WaitForReports();
  ASSERT_EQ(reporters.size(), 2U);
  EXPECT_EQ(reporters[0], reporters[1]);
}

// gRPC's threads end with the last channel of the process, and not on one of
// themselves.
TEST(FollowClientsTest, LastCallOfTheProcessEndsByItself) {
  TalkingNode node;
  for (int i = 0; i < 20; ++i) {
    Told told;
    FollowClients clients(*NodeCredentials::Load({}, {}));
    // Nobody holds the client.
    clients.Start(node.address(), {}, told.Handlers());
    ASSERT_TRUE(
        told.ended.WaitForNotificationWithTimeout(dataplane::kDeadline));
    EXPECT_TRUE(told.end.ok()) << told.end;
  }
}

}  // namespace
}  // namespace tcptool::server
