// Messages that are stored, and taken up again.
#include "server/api/translate.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"

namespace tcptool::server {
namespace {

TEST(TranslateTest, StoredRecipientComesBackWhole) {
  dataplane::RecipientStatus status;
  status.id = 7;
  status.peer = {asio::ip::make_address("2001:db8::7"), 41824};
  status.label = "m7";
  status.identity = "cn:m7";
  status.attempt = 2;
  status.earlier =
      std::make_shared<const dataplane::EndedAttempts>(dataplane::EndedAttempts{
          {.attempt = 1,
           .peer = {asio::ip::make_address("192.0.2.7"), 1},
           .state = dataplane::RecipientState::kDropped,
           .detail = "why",
           .bytes_acked = 5,
           .connect_time = absl::FromUnixMicros(1),
           .end_time = absl::FromUnixMicros(2)}});
  status.state = dataplane::RecipientState::kFailed;
  status.reason = dataplane::Reason::kStalled;
  status.detail = "it took no byte";
  status.start_byte = true;
  status.bytes_sent = 9;
  status.bytes_acked = 8;
  status.bytes_per_second = 3;
  status.rtt = absl::Microseconds(250);
  status.retransmits = 4;
  status.connect_time = absl::FromUnixMicros(3);
  status.start_time = absl::FromUnixMicros(4);
  status.end_time = absl::FromUnixMicros(5);
  const v1::Recipient message = ToProto("sessions/s", status);
  const auto back = FromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(ToProto("sessions/s", *back).SerializeAsString(),
            message.SerializeAsString());
  EXPECT_EQ(back->peer, status.peer);
  EXPECT_EQ(back->earlier->front().peer, status.earlier->front().peer);
}

TEST(TranslateTest, RecipientThatIsExpectedHasNoPort) {
  dataplane::RecipientStatus status;
  status.id = 1;
  status.peer = {asio::ip::make_address("2001:db8::7"), 0};
  status.state = dataplane::RecipientState::kExpected;
  const auto back = FromProto(ToProto("sessions/s", status));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->peer, status.peer);
  EXPECT_EQ(back->attempt, 0u);
}

TEST(TranslateTest, WhoIsExpectedByACertificateHasNoAddressBeforeItComes) {
  dataplane::RecipientStatus status;
  status.id = 1;
  status.identity = "dns:node-1.example";
  status.state = dataplane::RecipientState::kExpected;
  v1::Recipient message = ToProto("sessions/s", status);
  EXPECT_EQ(message.address(), "");
  EXPECT_EQ(message.identity(), "dns:node-1.example");
  auto back = FromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->identity, status.identity);
  status.attempt = 1;
  status.peer = {asio::ip::make_address("192.0.2.7"), 41824};
  message = ToProto("sessions/s", status);
  EXPECT_EQ(message.address(), "192.0.2.7:41824");
  back = FromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->peer, status.peer);
  EXPECT_EQ(back->identity, status.identity);
}

TEST(TranslateTest, ACertificatesNameMayHaveAnyBytes) {
  dataplane::RecipientStatus status;
  status.id = 1;
  status.attempt = 1;
  status.identity = "dns:\xff.example";
  status.detail = "none of dns:\xff.example may connect";
  status.earlier = std::make_shared<const dataplane::EndedAttempts>(
      dataplane::EndedAttempts{{.detail = status.detail}});
  const v1::Recipient message = ToProto("sessions/s", status);
  EXPECT_EQ(message.identity(), "dns:?.example");
  EXPECT_EQ(message.detail(), "none of dns:?.example may connect");
  EXPECT_EQ(message.earlier_attempts(0).detail(), message.detail());
}

// The numbers are the same, as those of the states are but for one.
TEST(TranslateTest, ReasonsAreThoseOfTheDataPlane) {
  for (size_t i = 1; i < dataplane::kReasons; ++i) {
    EXPECT_EQ(
        v1::RecipientReason_Name(static_cast<int>(i)),
        std::string("RECIPIENT_REASON_") +
            std::string(dataplane::Name(static_cast<dataplane::Reason>(i))));
  }
}

TEST(TranslateTest, DamagedRecipientIsDataLoss) {
  v1::Recipient message;
  message.set_name("sessions/s/recipients/1");
  message.set_address("nowhere");
  EXPECT_TRUE(absl::IsDataLoss(FromProto(message).status()));
  message.set_address("192.0.2.1:70000");
  EXPECT_TRUE(absl::IsDataLoss(FromProto(message).status()));
  message.clear_address();
  EXPECT_TRUE(absl::IsDataLoss(FromProto(message).status()));
}

TEST(TranslateTest, SessionExpiresSoLongAfterItWasCreated) {
  v1::Session session;
  session.mutable_create_time()->set_seconds(1'000'000'000);
  session.mutable_create_time()->set_nanos(500'000'000);
  session.mutable_spec()->mutable_expire_after()->set_seconds(3600);
  SetExpireTime(session);
  EXPECT_EQ(session.expire_time().seconds(), 1'000'003'600);
  EXPECT_EQ(session.expire_time().nanos(), 500'000'000);
}

}  // namespace
}  // namespace tcptool::server
