// Who waits for the end of a session, and for how long.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

using grpc::StatusCode;

constexpr int kRounds = 20;

class WaitSessionTest : public testing::Test {
 protected:
  // Waits so long; none: as long as the service allows.
  StatusCode Wait(const std::string& name,
                  std::optional<absl::Duration> timeout,
                  v1::Session* session = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    v1::WaitSessionRequest request;
    request.set_name(name);
    if (timeout) {
      request.mutable_timeout()->set_seconds(absl::ToInt64Seconds(*timeout));
    }
    v1::Session answer;
    const StatusCode code =
        service.stub().WaitSession(&context, request, &answer).error_code();
    if (session != nullptr) *session = answer;
    return code;
  }

  InProcessService service;
};

TEST_F(WaitSessionTest, AnswersWhenTheSessionHasEnded) {
  const v1::Session session = service.Create();
  v1::Session ended;
  StatusCode code = StatusCode::UNKNOWN;
  std::thread waiter(
      [&] { code = Wait(session.name(), std::nullopt, &ended); });
  EXPECT_TRUE(service.Cancel(session.name()).ok());
  waiter.join();
  EXPECT_EQ(code, StatusCode::OK);
  EXPECT_EQ(ended.state(), v1::SESSION_STATE_CANCELLED);
  EXPECT_TRUE(ended.spec().has_upload());
  // It has ended already.
  EXPECT_EQ(Wait(session.name(), std::nullopt, &ended), StatusCode::OK);
  EXPECT_EQ(ended.state(), v1::SESSION_STATE_CANCELLED);
}

TEST_F(WaitSessionTest, AnswersWhenTheTimeIsOver) {
  const v1::Session session = service.Create();
  for (const absl::Duration timeout :
       {absl::ZeroDuration(), absl::Seconds(1)}) {
    const absl::Time start = absl::Now();
    v1::Session answer;
    EXPECT_EQ(Wait(session.name(), timeout, &answer), StatusCode::OK);
    EXPECT_GE(absl::Now() - start, timeout);
    EXPECT_EQ(answer.name(), session.name());
    EXPECT_EQ(answer.state(), v1::SESSION_STATE_WAITING);
  }
}

TEST_F(WaitSessionTest, ASessionThatIsDeletedMeanwhileIsNotFound) {
  EXPECT_EQ(Wait("sessions/absent", std::nullopt), StatusCode::NOT_FOUND);
  const v1::Session session = service.Create();
  StatusCode code = StatusCode::UNKNOWN;
  std::thread waiter([&] {
    v1::Session ended;
    // Its end may be seen before it is deleted.
    code = Wait(session.name(), std::nullopt, &ended);
    if (ended.state() == v1::SESSION_STATE_CANCELLED) {
      code = StatusCode::NOT_FOUND;
    }
  });
  grpc::ClientContext context;
  v1::DeleteSessionRequest request;
  request.set_name(session.name());
  request.set_force(true);
  google::protobuf::Empty empty;
  EXPECT_TRUE(service.stub().DeleteSession(&context, request, &empty).ok());
  waiter.join();
  EXPECT_EQ(code, StatusCode::NOT_FOUND);
}

TEST_F(WaitSessionTest, ThoseWhoWaitAreWatchers) {
  const v1::Session session = service.Create();
  const v1::Session other = service.Create();
  EXPECT_TRUE(service.Cancel(other.name()).ok());
  grpc::ClientContext contexts[InProcessService::kMaxWatchers];
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchSessionsResponse>>>
      watches;
  for (grpc::ClientContext& context : contexts) {
    watches.push_back(service.stub().WatchSessions(&context, {}));
    v1::WatchSessionsResponse response;
    ASSERT_TRUE(watches.back()->Read(&response));
  }
  EXPECT_EQ(Wait(session.name(), std::nullopt), StatusCode::RESOURCE_EXHAUSTED);
  // To look takes no place.
  EXPECT_EQ(Wait(session.name(), absl::ZeroDuration()), StatusCode::OK);
  EXPECT_EQ(Wait(other.name(), std::nullopt), StatusCode::OK);
  for (grpc::ClientContext& context : contexts) context.TryCancel();
  for (const auto& watch : watches) watch->Finish();
}

TEST_F(WaitSessionTest, WhoGivesUpLeavesHisPlace) {
  const v1::Session session = service.Create();
  for (int i = 0; i < kRounds; ++i) {
    // That each is taken shows that those before have gone.
    EXPECT_TRUE(WaitUntil([&] {
      grpc::ClientContext context;
      v1::WaitSessionRequest request;
      request.set_name(session.name());
      v1::Session answer;
      std::thread cancel([&] { context.TryCancel(); });
      const StatusCode code =
          service.stub().WaitSession(&context, request, &answer).error_code();
      cancel.join();
      return code == StatusCode::CANCELLED;
    }));
  }
  EXPECT_TRUE(WaitUntil([&] {
    return Wait(session.name(), absl::Seconds(1)) == StatusCode::OK;
  }));
}

TEST_F(WaitSessionTest, AServiceThatStopsSaysSo) {
  const v1::Session session = service.Create();
  StatusCode code = StatusCode::UNKNOWN;
  std::thread waiter([&] { code = Wait(session.name(), std::nullopt); });
  service.hub().StopAll();
  waiter.join();
  EXPECT_EQ(code, StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace tcptool::server
