// The details of errors as they come over the wire, from each kind of call.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/server/error_reason.h"
#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

class ErrorDetailsTest : public testing::Test {
 protected:
  InProcessService service;
  grpc::ClientContext context;
};

TEST_F(ErrorDetailsTest, OfACallWithOneAnswer) {
  v1::GetSessionRequest request;
  request.set_name("sessions/absent");
  v1::Session session;
  EXPECT_EQ(ReasonOf(service.stub().GetSession(&context, request, &session)),
            "RESOURCE_NOT_FOUND");
}

TEST_F(ErrorDetailsTest, OfAWatch) {
  v1::WatchSessionsRequest request;
  request.add_names("sessions/absent");
  const auto watch = service.stub().WatchSessions(&context, request);
  v1::WatchSessionsResponse message;
  EXPECT_FALSE(watch->Read(&message));
  EXPECT_EQ(ReasonOf(watch->Finish()), "RESOURCE_NOT_FOUND");
}

TEST_F(ErrorDetailsTest, OfAWaitThatTheServicesStopEnds) {
  const std::string name = service.Create().name();
  const auto wait = [&](int64_t seconds) {
    grpc::ClientContext waiting;
    v1::WaitSessionRequest request;
    request.set_name(name);
    request.mutable_timeout()->set_seconds(seconds);
    v1::Session session;
    return service.stub().WaitSession(&waiting, request, &session);
  };
  // One of the two places for watchers.
  static_assert(InProcessService::kMaxWatchers == 2);
  const auto watch = service.stub().WatchSessions(&context, {});
  v1::WatchSessionsResponse message;
  ASSERT_TRUE(watch->Read(&message));
  grpc::Status status;
  std::thread waiter([&] {
    do {
      status = wait(300);
    } while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  });
  // The other one is taken: it waits.
  EXPECT_TRUE(WaitUntil([&] {
    return wait(1).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  }));
  service.hub().StopAll();
  waiter.join();
  context.TryCancel();
  watch->Finish();
  EXPECT_EQ(ReasonOf(status), "SERVICE_STOPPING");
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_TRUE(std::ranges::any_of(details.details(), [](const auto& detail) {
    return detail.template Is<google::rpc::RetryInfo>();
  }));
}

TEST_F(ErrorDetailsTest, OfAnUpload) {
  v1::UploadContentResponse response;
  const auto upload = service.stub().UploadContent(&context, &response);
  v1::UploadContentRequest request;
  request.set_name("nobody's");
  upload->Write(request);
  upload->WritesDone();
  EXPECT_EQ(ReasonOf(upload->Finish()), "INVALID_FIELD");
}

}  // namespace
}  // namespace tcptool::server
