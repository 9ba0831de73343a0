#include "server/fleet/etcd/call_errors.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

using ::testing::HasSubstr;
using Next = CallFailure::Next;

CallFailure Judge(grpc::StatusCode code, const std::string& message,
                  CallKind kind) {
  return JudgeFailure(grpc::Status(code, message), kind, "etcd1:2379");
}

TEST(JudgeFailure, AWriteWithoutAnAnswerIsUnknownAndNotRepeated) {
  for (const grpc::StatusCode code :
       {grpc::StatusCode::DEADLINE_EXCEEDED, grpc::StatusCode::UNAVAILABLE,
        grpc::StatusCode::CANCELLED, grpc::StatusCode::UNKNOWN,
        grpc::StatusCode::INTERNAL}) {
    const CallFailure failure = Judge(code, "", CallKind::kWrite);
    EXPECT_EQ(failure.next, Next::kGiveUp) << code;
    EXPECT_EQ(failure.status.code(), absl::StatusCode::kUnknown) << code;
  }
  const CallFailure failure =
      Judge(grpc::StatusCode::UNAVAILABLE, "etcdserver: request timed out",
            CallKind::kWrite);
  EXPECT_EQ(failure.status.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(std::string(failure.status.message()), HasSubstr("etcd1:2379"));
}

TEST(JudgeFailure, AReadWithoutAnAnswerIsTriedElsewhere) {
  const CallFailure failure = Judge(grpc::StatusCode::DEADLINE_EXCEEDED,
                                    "Deadline Exceeded", CallKind::kRepeatable);
  EXPECT_EQ(failure.next, Next::kTryAnother);
  EXPECT_EQ(failure.status.code(), absl::StatusCode::kUnavailable);
}

TEST(JudgeFailure, AWriteThatWasNotSentIsTriedElsewhere) {
  for (const char* message :
       {"failed to connect to all addresses; last error: UNKNOWN: Failed to "
        "connect to remote host: Connection refused",
        "etcdserver: no leader"}) {
    const CallFailure failure =
        Judge(grpc::StatusCode::UNAVAILABLE, message, CallKind::kWrite);
    EXPECT_EQ(failure.next, Next::kTryAnother) << message;
    EXPECT_EQ(failure.status.code(), absl::StatusCode::kUnavailable);
  }
}

TEST(JudgeFailure, ARefusalIsCertain) {
  for (const grpc::StatusCode code :
       {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::NOT_FOUND,
        grpc::StatusCode::OUT_OF_RANGE}) {
    const CallFailure failure = Judge(code, "", CallKind::kWrite);
    EXPECT_EQ(failure.next, Next::kGiveUp);
    EXPECT_EQ(static_cast<int>(failure.status.code()), static_cast<int>(code));
  }
}

TEST(JudgeFailure, SaysWhatToDoAboutAFullDatabase) {
  const CallFailure failure =
      Judge(grpc::StatusCode::RESOURCE_EXHAUSTED,
            "etcdserver: mvcc: database space exceeded", CallKind::kWrite);
  EXPECT_EQ(failure.next, Next::kGiveUp);
  EXPECT_EQ(failure.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(failure.status.message()), HasSubstr("alarm disarm"));
}

TEST(JudgeFailure, SaysWhatToDoAboutMissingPermission) {
  const CallFailure failure =
      Judge(grpc::StatusCode::PERMISSION_DENIED,
            "etcdserver: permission denied", CallKind::kWrite);
  EXPECT_EQ(failure.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(failure.status.message()), HasSubstr("grant"));
}

TEST(JudgeFailure, ATokenThatIsNotValidIsRenewed) {
  EXPECT_EQ(Judge(grpc::StatusCode::UNAUTHENTICATED,
                  "etcdserver: invalid auth token", CallKind::kWrite)
                .next,
            Next::kAuthenticate);
  const CallFailure without_user =
      Judge(grpc::StatusCode::INVALID_ARGUMENT,
            "etcdserver: user name is empty", CallKind::kWrite);
  EXPECT_EQ(without_user.next, Next::kAuthenticate);
  EXPECT_EQ(without_user.status.code(), absl::StatusCode::kUnauthenticated);
}

}  // namespace
}  // namespace tcptool::fleet
