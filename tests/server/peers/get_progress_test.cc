// PeerService.GetProgress: who calls it, and who answers.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/peers/follow_clients.h"
#include "server/peers/peer_service.h"
#include "tcptool/peer/v1/peer_service.grpc.pb.h"
#include "tests/server/peers/serving_node.h"

namespace tcptool::server {
namespace {

using peer::v1::GetProgressRequest;
using peer::v1::GetProgressResponse;
using testing::HasSubstr;

class GetProgressTest : public ServingNode {
 protected:
  using Answer = std::optional<GetProgressResponse>;
  using Held = std::function<void(absl::StatusOr<GetProgressResponse>)>;

  // `on_get`: what the fleet knows.
  void Serve(PeerService::OnGetProgress on_get) {
    peers_ =
        *PeerService::Start(parts(), {asio::ip::address_v4::loopback(), 0});
    peers_->set_on_get_progress(std::move(on_get));
    server_ = *ControlServer::Start({.address = "127.0.0.1:0"}, {},
                                    {peers_.get()}, {});
  }
  ~GetProgressTest() override {
    peers_->Stop();
    server_->Stop(std::chrono::milliseconds(0));
  }

  static GetProgressRequest Request() {
    GetProgressRequest request;
    request.set_distribution("d");
    request.set_revision(5);
    return request;
  }
  grpc::Status Error(const GetProgressRequest& request) {
    const auto stub = peer::v1::PeerService::NewStub(grpc::CreateChannel(
        server_->address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    GetProgressResponse response;
    return stub->GetProgress(&context, request, &response);
  }
  // As another node asks.
  Answer Ask() {
    absl::Mutex mutex;
    std::optional<Answer> answer;
    FollowClients clients(*NodeCredentials::Load({}, {}));
    clients.GetProgress(server_->address(), Request(), [&](Answer told) {
      absl::MutexLock lock(&mutex);
      answer = std::move(told);
    });
    const auto has_come = [&answer] { return answer.has_value(); };
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(&has_come));
    return *answer;
  }

  // Calls that are not answered before it is over.
  absl::Mutex mutex_;
  bool is_over_ = false;
  std::vector<Held> held_;
  std::unique_ptr<PeerService> peers_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(GetProgressTest, ANodeOfNoFleetSaysSo) {
  Serve(nullptr);
  const grpc::Status status = Error(Request());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("--fleet"));
  EXPECT_FALSE(Ask()) << "A refusal is no answer.";
}

TEST_F(GetProgressTest, ARequestForNothingIsWrong) {
  Serve([](const auto&, const auto& done) { done(GetProgressResponse()); });
  const grpc::Status status = Error({});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("distribution:"));
}

TEST_F(GetProgressTest, WhatIsKnownComes) {
  Serve([](const GetProgressRequest& request, const auto& done) {
    EXPECT_EQ(request.SerializeAsString(), Request().SerializeAsString());
    GetProgressResponse response;
    response.add_nodes()->set_node("n1");
    done(response);
  });
  // On a machine that is busy it may take longer than a client waits.
  Answer answer;
  while (!answer) answer = Ask();
  ASSERT_EQ(answer->nodes_size(), 1);
  EXPECT_EQ(answer->nodes(0).node(), "n1");
}

TEST_F(GetProgressTest, WhoIsNotAnsweredIsToldSo) {
  Serve([this](const GetProgressRequest&, Held done) {
    absl::MutexLock lock(&mutex_);
    if (is_over_) return done(GetProgressResponse());
    held_.push_back(std::move(done));
  });
  EXPECT_FALSE(Ask());
  absl::MutexLock lock(&mutex_);
  is_over_ = true;
  for (const Held& done : held_) done(GetProgressResponse());
}

TEST_F(GetProgressTest, ACallUnderWayIsAnsweredBeforeTheEnd) {
  Serve([](const auto&, const auto& done) { done(GetProgressResponse()); });
  bool is_answered = false;
  {
    FollowClients clients(*NodeCredentials::Load({}, {}));
    clients.GetProgress(server_->address(), Request(),
                        [&](const Answer&) { is_answered = true; });
  }
  EXPECT_TRUE(is_answered);
}

}  // namespace
}  // namespace tcptool::server
