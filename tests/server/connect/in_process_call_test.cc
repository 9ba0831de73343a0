#include "server/connect/in_process_call.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tcptool/v1/session_service.pb.h"
#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

constexpr char kService[] = "/tcptool.v1.SessionService/";

class InProcessCallTest : public testing::Test {
 protected:
  std::shared_ptr<InProcessCall> Start(const std::string& method,
                                       const google::protobuf::Message& request,
                                       std::function<void(std::string)> on) {
    return InProcessCall::Start(
        stub_,
        service_.control().dispatcher().vouched_peers().Vouch(
            {.address = "ipv4:192.0.2.1:1"}),
        {.path = absl::StrCat(kService, method),
         .message = request.SerializeAsString()},
        {.on_message = std::move(on),
         .on_end = [this](const grpc::Status& status) {
           ended_.set_value(status);
         }});
  }
  grpc::Status End() { return ended_.get_future().get(); }

  InProcessService service_;
  grpc::GenericStub stub_{service_.control().InProcessChannel()};
  std::promise<grpc::Status> ended_;
};

TEST_F(InProcessCallTest, TellsTheAnswerAndTheEnd) {
  v1::GetSessionRequest request;
  request.set_name(service_.Create().name());
  std::promise<std::string> answer;
  const auto call = Start(
      "GetSession", request,
      [&answer](std::string message) { answer.set_value(std::move(message)); });
  v1::Session session;
  ASSERT_TRUE(session.ParseFromString(answer.get_future().get()));
  EXPECT_EQ(session.name(), request.name());
  // The end is behind the next message, which there is none of.
  call->Next();
  EXPECT_TRUE(End().ok());
}

TEST_F(InProcessCallTest, TellsErrorsWithTheirDetails) {
  v1::GetSessionRequest request;
  request.set_name("sessions/absent");
  const auto call = Start("GetSession", request, [](const std::string&) {
    ADD_FAILURE() << "there is no answer";
  });
  const grpc::Status status = End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_NE(status.error_message(), "");
  EXPECT_NE(status.error_details(), "");
}

TEST_F(InProcessCallTest, AWatchThatIsCancelledLeavesItsPlace) {
  // More than there are places. It leaves its place soon.
  for (size_t i = 0; i < 2 * InProcessService::kMaxWatchers; ++i) {
    EXPECT_TRUE(WaitUntil([this] {
      std::promise<bool> watches;
      std::promise<grpc::StatusCode> ended;
      bool has_message = false;
      const auto call = InProcessCall::Start(
          stub_, service_.control().dispatcher().vouched_peers().Vouch({}),
          {.path = absl::StrCat(kService, "WatchSessions")},
          {.on_message =
               [&](const std::string&) {
                 has_message = true;
                 watches.set_value(true);
               },
           .on_end =
               [&](const grpc::Status& status) {
                 if (!has_message) watches.set_value(false);
                 ended.set_value(status.error_code());
               }});
      const bool is_let_in = watches.get_future().get();
      // Its message was told, and nobody has asked for the next one.
      call->Cancel();
      EXPECT_EQ(ended.get_future().get(),
                is_let_in ? grpc::StatusCode::CANCELLED
                          : grpc::StatusCode::RESOURCE_EXHAUSTED);
      return is_let_in;
    }));
  }
}

TEST_F(InProcessCallTest, EndsWhereAMessageComesAtTheMomentOfACancel) {
  v1::GetSessionRequest request;
  request.set_name(service_.Create().name());
  std::vector<std::promise<void>> ended(500);
  for (std::promise<void>& one : ended) {
    // As of a client that is gone: nobody calls Next() for its messages.
    const auto call = InProcessCall::Start(
        stub_, service_.control().dispatcher().vouched_peers().Vouch({}),
        {.path = absl::StrCat(kService, "GetSession"),
         .message = request.SerializeAsString()},
        {.on_message = [](const std::string&) {},
         .on_end = [&one](const grpc::Status&) { one.set_value(); }});
    call->Cancel();
    one.get_future().wait();
  }
}

TEST_F(InProcessCallTest, EndsAtItsDeadline) {
  const auto call = InProcessCall::Start(
      stub_, service_.control().dispatcher().vouched_peers().Vouch({}),
      {.path = absl::StrCat(kService, "WatchSessions"),
       .timeout = std::chrono::milliseconds(0)},
      {.on_message = [](const std::string&) {},
       .on_end =
           [this](const grpc::Status& status) { ended_.set_value(status); }});
  // A first message may have been faster, and the end is behind the next one.
  std::future<grpc::Status> end = ended_.get_future();
  EXPECT_TRUE(WaitUntil([&] {
    call->Next();
    return end.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }));
  EXPECT_EQ(end.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

}  // namespace
}  // namespace tcptool::server
