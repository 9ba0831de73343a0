// PeerService.ReportRates: who calls it, and who answers.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/peers/follow_clients.h"
#include "server/peers/peer_service.h"
#include "tcptool/peer/v1/peer_service.grpc.pb.h"
#include "tests/server/peers/serving_node.h"

namespace tcptool::server {
namespace {

using peer::v1::ReportRatesRequest;
using peer::v1::ReportRatesResponse;
using testing::HasSubstr;

ReportRatesRequest OneEdge() {
  ReportRatesRequest request;
  request.set_node("n2");
  peer::v1::EdgeRate& edge = *request.add_edges();
  edge.set_distribution("d");
  edge.set_parent("n1");
  edge.set_epoch(3);
  edge.set_busy_milliseconds(1000);
  edge.set_bytes(5);
  edge.set_observed_milliseconds(2000);
  edge.set_observed_bytes(7);
  return request;
}

class ReportRatesTest : public ServingNode {
 protected:
  // `on_rates`: what the fleet does with it.
  void Serve(PeerService::OnRates on_rates) {
    peers_ =
        *PeerService::Start(parts(), {asio::ip::address_v4::loopback(), 0});
    peers_->set_on_rates(std::move(on_rates));
    server_ = *ControlServer::Start({.address = "127.0.0.1:0"}, {},
                                    {peers_.get()}, {});
  }
  ~ReportRatesTest() override {
    peers_->Stop();
    server_->Stop(std::chrono::milliseconds(0));
  }

  grpc::Status Report(const ReportRatesRequest& request) {
    const auto stub = peer::v1::PeerService::NewStub(grpc::CreateChannel(
        server_->address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    ReportRatesResponse response;
    return stub->ReportRates(&context, request, &response);
  }

  std::unique_ptr<PeerService> peers_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ReportRatesTest, ANodeOfNoFleetSaysSo) {
  Serve(nullptr);
  const grpc::Status status = Report(OneEdge());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("--fleet"));
}

TEST_F(ReportRatesTest, RequestsThatAreWrong) {
  Serve([](const auto&, const auto& done) { done(absl::OkStatus()); });
  EXPECT_TRUE(Report(OneEdge()).ok());
  const auto error_of = [this](const ReportRatesRequest& request) {
    const grpc::Status status = Report(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  ReportRatesRequest request = OneEdge();
  request.clear_node();
  EXPECT_THAT(error_of(request), HasSubstr("node:"));
  request = OneEdge();
  request.mutable_edges(0)->set_bytes(-1);
  EXPECT_THAT(error_of(request), HasSubstr("edges[0]:"));
  request = OneEdge();
  request.mutable_edges(0)->set_busy_milliseconds(-1);
  EXPECT_THAT(error_of(request), HasSubstr("edges[0]:"));
  request = OneEdge();
  request.mutable_edges(0)->set_allowed_bytes_per_second(-1);
  EXPECT_THAT(error_of(request), HasSubstr("edges[0]:"));
  request = OneEdge();
  request.mutable_edges(0)->set_observed_milliseconds(-1);
  EXPECT_THAT(error_of(request), HasSubstr("edges[0]:"));
  request = OneEdge();
  request.mutable_edges(0)->set_observed_bytes(-1);
  EXPECT_THAT(error_of(request), HasSubstr("edges[0]:"));
  while (request.edges_size() <= 100) request.add_edges();
  EXPECT_THAT(error_of(request), HasSubstr("more than 100"));
  request = OneEdge();
  request.add_progress()->set_bytes_received(-1);
  EXPECT_THAT(error_of(request), HasSubstr("progress[0]:"));
  request = OneEdge();
  request.add_progress()->set_bytes_per_second(-1);
  EXPECT_THAT(error_of(request), HasSubstr("progress[0]:"));
  while (request.progress_size() <= 100) request.add_progress();
  EXPECT_THAT(error_of(request), HasSubstr("more than 100"));
}

TEST_F(ReportRatesTest, WhatIsToldComesAndItsRefusalToo) {
  absl::Mutex mutex;
  int told = 0;
  Serve([&](const ReportRatesRequest& request, const auto& done) {
    EXPECT_EQ(request.SerializeAsString(), OneEdge().SerializeAsString());
    absl::MutexLock lock(&mutex);
    ++told;
    done(absl::FailedPreconditionError("it is another one"));
  });
  EXPECT_EQ(Report(OneEdge()).error_message(), "it is another one");
  FollowClients clients(*NodeCredentials::Load({}, {}));
  clients.Report(server_->address(), OneEdge());
  const auto has_come = [&told] { return told == 2; };
  absl::MutexLock lock(&mutex);
  EXPECT_TRUE(
      mutex.AwaitWithTimeout(absl::Condition(&has_come), dataplane::kDeadline));
}

TEST_F(ReportRatesTest, OneThatIsNotAnsweredHoldsUpNoStop) {
  absl::Mutex mutex;
  std::function<void(const absl::Status&)> answer;
  Serve([&](const ReportRatesRequest&,
            std::function<void(const absl::Status&)> done) {
    absl::MutexLock lock(&mutex);
    answer = std::move(done);
  });
  {
    FollowClients clients(*NodeCredentials::Load({}, {}));
    clients.Report(server_->address(), OneEdge());
    const auto has_come = [&answer] { return answer != nullptr; };
    absl::MutexLock lock(&mutex);
    ASSERT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&has_come),
                                       dataplane::kDeadline));
  }
  answer(absl::OkStatus());
}

}  // namespace
}  // namespace tcptool::server
