// The details of errors as they come over the wire, from each kind of call.
#include <gmock/gmock.h>
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

using ::testing::ElementsAre;

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

TEST_F(ErrorDetailsTest, OfACreationNamesWhatIsWrongInItsSpecToo) {
  v1::CreateSessionRequest request;
  request.set_session_id("A");
  request.set_request_id("\n");
  v1::SessionSpec& spec = *request.mutable_session()->mutable_spec();
  spec.mutable_upload();
  spec.add_allow("nobody");
  spec.set_max_recipients(-1);
  v1::Session session;
  const grpc::Status status =
      service.stub().CreateSession(&context, request, &session);
  EXPECT_THAT(WrongFieldsOf(status), ElementsAre("session_id", "request_id",
                                                 "session.spec.max_recipients",
                                                 "session.spec.allow[0]"));
  EXPECT_EQ(status.error_message().substr(0, 12), "session_id: ");
}

TEST_F(ErrorDetailsTest, OfAChangeNamesWhatIsWrongInItsSpecToo) {
  v1::UpdateSessionRequest request;
  request.mutable_session()->set_name(service.Create().name());
  request.mutable_update_mask()->add_paths("spec.file");
  request.mutable_update_mask()->add_paths("spec.expire_after");
  // Not named by the mask.
  request.mutable_session()->mutable_spec()->add_allow("nobody");
  request.mutable_session()
      ->mutable_spec()
      ->mutable_expire_after()
      ->set_seconds(-1);
  v1::Session session;
  EXPECT_THAT(
      WrongFieldsOf(service.stub().UpdateSession(&context, request, &session)),
      ElementsAre("update_mask.paths[0]", "session.spec.expire_after"));
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
