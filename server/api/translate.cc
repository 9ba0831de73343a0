#include "server/api/translate.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "messages/time.h"

namespace tcptool::server {
namespace {

bool IsSet(absl::Time time) { return time != absl::InfinitePast(); }

}  // namespace

// The enumerations have the same order; the API's begin with UNSPECIFIED.
dataplane::SessionState ToState(v1::SessionState state) {
  return static_cast<dataplane::SessionState>(static_cast<int>(state) - 1);
}

std::string ToString(const asio::ip::tcp::endpoint& endpoint) {
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

void CopyStatus(const dataplane::SessionStatus& status, v1::Session& session) {
  using dataplane::RecipientState;
  // The enumerations have the same order; the API's begin with UNSPECIFIED.
  session.set_state(
      static_cast<v1::SessionState>(static_cast<int>(status.state) + 1));
  session.set_error(status.error);
  session.set_data_endpoint(ToString(status.data_endpoint));
  if (status.content_length) {
    session.set_content_length(static_cast<int64_t>(*status.content_length));
  }
  session.set_content_sha256(status.content_sha256);
  const auto count = [&status](RecipientState state) {
    return static_cast<int32_t>(status.count(state));
  };
  v1::RecipientCounts& counts = *session.mutable_counts();
  counts.set_expected(count(RecipientState::kExpected));
  counts.set_handshaking(count(RecipientState::kHandshaking));
  counts.set_ready(count(RecipientState::kReady));
  counts.set_transferring(count(RecipientState::kTransferring));
  counts.set_confirming(count(RecipientState::kConfirming));
  counts.set_delivered(count(RecipientState::kDelivered));
  counts.set_failed(count(RecipientState::kFailed));
  counts.set_rejected(count(RecipientState::kRejected));
  counts.set_dropped(count(RecipientState::kDropped));
  session.set_bytes_sent(static_cast<int64_t>(status.bytes_sent));
  session.set_bytes_acked(static_cast<int64_t>(status.bytes_acked));
  *session.mutable_create_time() = ToTimestamp(status.create_time);
  if (IsSet(status.start_time)) {
    *session.mutable_start_time() = ToTimestamp(status.start_time);
  }
  if (IsSet(status.end_time)) {
    *session.mutable_end_time() = ToTimestamp(status.end_time);
  }
}

v1::Recipient ToProto(absl::string_view session_name,
                      const dataplane::RecipientStatus& status) {
  v1::Recipient recipient;
  recipient.set_name(absl::StrCat(session_name, "/recipients/", status.id));
  recipient.set_address(status.peer.port() == 0
                            ? status.peer.address().to_string()
                            : ToString(status.peer));
  recipient.set_label(status.label);
  recipient.set_state(
      static_cast<v1::RecipientState>(static_cast<int>(status.state) + 1));
  recipient.set_reason(
      static_cast<v1::RecipientReason>(static_cast<int>(status.reason)));
  recipient.set_detail(status.detail);
  recipient.set_start_byte(status.start_byte);
  recipient.set_bytes_sent(static_cast<int64_t>(status.bytes_sent));
  recipient.set_bytes_acked(static_cast<int64_t>(status.bytes_acked));
  recipient.set_bytes_per_second(static_cast<int64_t>(status.bytes_per_second));
  if (status.rtt > absl::ZeroDuration()) {
    *recipient.mutable_rtt() = ToProtoDuration(status.rtt);
  }
  recipient.set_retransmits(static_cast<int64_t>(status.retransmits));
  if (IsSet(status.connect_time)) {
    *recipient.mutable_connect_time() = ToTimestamp(status.connect_time);
  }
  if (IsSet(status.start_time)) {
    *recipient.mutable_start_time() = ToTimestamp(status.start_time);
  }
  if (IsSet(status.end_time)) {
    *recipient.mutable_end_time() = ToTimestamp(status.end_time);
  }
  return recipient;
}

}  // namespace tcptool::server
