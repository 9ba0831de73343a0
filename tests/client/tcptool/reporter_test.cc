// What a sender says of its recipients.
#include "client/tcptool/reporter.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

namespace tcptool::client {
namespace {

using dataplane::Reason;
using dataplane::RecipientState;
using dataplane::RecipientStatus;
using dataplane::SessionState;
using dataplane::SessionStatus;

class ReporterTest : public testing::Test {
 protected:
  static RecipientStatus Recipient(RecipientState state,
                                   Reason reason = Reason::kNone,
                                   const std::string& detail = "") {
    RecipientStatus recipient;
    recipient.id = 1;
    recipient.peer = {asio::ip::make_address("192.0.2.7"), 40112};
    recipient.state = state;
    recipient.reason = reason;
    recipient.detail = detail;
    return recipient;
  }

  static RecipientStatus FailedInTransfer(Reason reason,
                                          const std::string& detail) {
    RecipientStatus failed = Recipient(RecipientState::kFailed, reason, detail);
    failed.start_time = absl::UnixEpoch();
    return failed;
  }

  // What is said of these states, one after the other.
  std::string Said(const std::vector<RecipientStatus>& recipients) {
    testing::internal::CaptureStderr();
    for (const RecipientStatus& recipient : recipients) {
      const std::vector<RecipientStatus> changed = {recipient};
      reporter_.OnUpdate({.session = {}, .changed = changed, .forgotten = {}});
    }
    diagnostics_.Flush();
    return testing::internal::GetCapturedStderr();
  }

  Diagnostics diagnostics_;
  Reporter reporter_{diagnostics_};
};

TEST_F(ReporterTest, SuccessIsSaidOnce) {
  EXPECT_EQ(Said({Recipient(RecipientState::kReady),
                  Recipient(RecipientState::kDelivered),
                  Recipient(RecipientState::kDelivered)}),
            "tcptool: Transmission succeeded for '192.0.2.7'.\n");
}

TEST_F(ReporterTest, EmptyContentIsAWarningOnce) {
  testing::internal::CaptureStderr();
  SessionStatus session;  // Of a pipe that may still have something.
  reporter_.OnUpdate({.session = session, .changed = {}, .forgotten = {}});
  session.content_length = 5;
  reporter_.OnUpdate({.session = session, .changed = {}, .forgotten = {}});
  diagnostics_.Flush();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  testing::internal::CaptureStderr();
  session.content_length = 0;
  reporter_.OnUpdate({.session = session, .changed = {}, .forgotten = {}});
  reporter_.OnUpdate({.session = session, .changed = {}, .forgotten = {}});
  diagnostics_.Flush();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "tcptool: The content is empty: recipients that had something in "
            "their output have nothing then.\n");
}

TEST_F(ReporterTest, FailureHasItsReasonInASecondLine) {
  EXPECT_EQ(
      Said({Recipient(RecipientState::kReady),
            Recipient(RecipientState::kFailed, Reason::kStalled, "no ack")}),
      "tcptool: Transmission failed for '192.0.2.7'!\n"
      "tcptool: 192.0.2.7:40112: STALLED, no ack.\n");
}

TEST_F(ReporterTest, ConnectionThatBreaksInTheTransferIsAFailureToSend) {
  EXPECT_EQ(Said({FailedInTransfer(Reason::kConnectionLost, "reset")}),
            "tcptool: Failed tosend data!\n"
            "tcptool: Transmission failed for '192.0.2.7'!\n"
            "tcptool: 192.0.2.7:40112: CONNECTION_LOST, reset.\n");
}

TEST_F(ReporterTest, PeerWithoutItsByteIsAWarning) {
  const std::vector<RecipientStatus> silent = {
      Recipient(RecipientState::kHandshaking),
      Recipient(RecipientState::kFailed, Reason::kHandshakeTimeout, "no byte")};
  EXPECT_EQ(Said(silent),
            "tcptool: Failed to obtain initialization byte from recipient!\n"
            "tcptool: 192.0.2.7:40112: HANDSHAKE_TIMEOUT, no byte.\n");
  diagnostics_.set_level(Level::kError);
  EXPECT_EQ(Said(silent), "");
}

TEST_F(ReporterTest, PeerThatFailsInItsTlsHandshakeIsAWarningToo) {
  EXPECT_EQ(Said({Recipient(RecipientState::kHandshaking),
                  Recipient(RecipientState::kFailed, Reason::kTlsFailed,
                            "no certificate")}),
            "tcptool: Failed to obtain initialization byte from recipient!\n"
            "tcptool: 192.0.2.7:40112: TLS_FAILED, no certificate.\n");
}

TEST_F(ReporterTest, TlsThatFailsInTheTransferIsAFailure) {
  EXPECT_EQ(Said({FailedInTransfer(Reason::kTlsFailed, "bad record")}),
            "tcptool: Transmission failed for '192.0.2.7'!\n"
            "tcptool: 192.0.2.7:40112: TLS_FAILED, bad record.\n");
}

TEST_F(ReporterTest, WhoIsTurnedAwayLaterIsNoFailureToAccept) {
  const auto full =
      Recipient(RecipientState::kRejected, Reason::kCapacity, "full");
  EXPECT_EQ(Said({Recipient(RecipientState::kHandshaking), full}), "");
}

TEST_F(ReporterTest, EndIsHandedOver) {
  std::thread lane([this] {
    SessionStatus session;
    reporter_.OnUpdate({.session = session, .changed = {}, .forgotten = {}});
    session.state = SessionState::kSucceeded;
    session.content_sha256 = "digest";
    reporter_.OnUpdate({.session = session, .changed = {}, .forgotten = {}});
  });
  const SessionStatus end = reporter_.WaitForEnd();
  lane.join();
  EXPECT_EQ(end.state, SessionState::kSucceeded);
  EXPECT_EQ(end.content_sha256, "digest");
}

}  // namespace
}  // namespace tcptool::client
