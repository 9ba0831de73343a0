#include "server/api/translate.h"

#include <asio/ip/address.hpp>
#include <memory>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "messages/time.h"
#include "server/api/etag.h"
#include "server/api/names.h"
#include "text/characters.h"

namespace tcptool::server {
namespace {

bool IsSet(absl::Time time) { return time != absl::InfinitePast(); }

absl::Time TimeIfSet(bool is_set, const google::protobuf::Timestamp& time) {
  return is_set ? ToTime(time) : absl::InfinitePast();
}

dataplane::RecipientState ToState(v1::RecipientState state) {
  return static_cast<dataplane::RecipientState>(static_cast<int>(state) - 1);
}

// A text without a port gives port 0. None: it is not an address.
std::optional<asio::ip::tcp::endpoint> ToEndpoint(absl::string_view text) {
  uint32_t port = 0;
  std::error_code error;
  const std::string whole(text);
  auto address = asio::ip::make_address(whole, error);
  if (error) {
    const size_t colon = text.rfind(':');
    if (colon == absl::string_view::npos ||
        !absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65'535) {
      return std::nullopt;
    }
    absl::string_view host = text.substr(0, colon);
    if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
    address = asio::ip::make_address(std::string(host), error);
    if (error) return std::nullopt;
  }
  return asio::ip::tcp::endpoint(address, static_cast<uint16_t>(port));
}

std::string AddressOf(const asio::ip::tcp::endpoint& peer) {
  return peer.port() == 0 ? peer.address().to_string() : ToString(peer);
}

// It is expected by its certificate, from any address, and has not come.
bool HasNoAddress(const dataplane::RecipientStatus& status) {
  return status.attempt == 0 && !status.identity.empty();
}

void AddAttempt(const dataplane::EndedAttempt& attempt,
                v1::Recipient& recipient) {
  v1::RecipientAttempt& added = *recipient.add_earlier_attempts();
  added.set_attempt(static_cast<int32_t>(attempt.attempt));
  added.set_address(AddressOf(attempt.peer));
  added.set_state(
      static_cast<v1::RecipientState>(static_cast<int>(attempt.state) + 1));
  added.set_reason(
      static_cast<v1::RecipientReason>(static_cast<int>(attempt.reason)));
  added.set_detail(ToUtf8(attempt.detail));
  added.set_bytes_acked(static_cast<int64_t>(attempt.bytes_acked));
  if (IsSet(attempt.connect_time)) {
    *added.mutable_connect_time() = ToTimestamp(attempt.connect_time);
  }
  if (IsSet(attempt.end_time)) {
    *added.mutable_end_time() = ToTimestamp(attempt.end_time);
  }
}

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
  session.set_listen_endpoint(ToString(status.data_endpoint));
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

void SetExpireTime(v1::Session& session) {
  *session.mutable_expire_time() =
      ToTimestamp(ToTime(session.create_time()) +
                  ToDuration(session.spec().expire_after()));
}

void SetChangedSpec(const v1::SessionSpec& spec, v1::Session& session) {
  *session.mutable_spec() = spec;
  *session.mutable_update_time() = ToTimestamp(absl::Now());
  SetExpireTime(session);
  session.set_etag(NewEtag(session));
}

v1::Recipient ToProto(absl::string_view session_name,
                      const dataplane::RecipientStatus& status) {
  v1::Recipient recipient;
  recipient.set_name(absl::StrCat(session_name, "/recipients/", status.id));
  if (!HasNoAddress(status)) recipient.set_address(AddressOf(status.peer));
  // A certificate may have any bytes, which `detail` may speak of.
  recipient.set_identity(ToUtf8(status.identity));
  recipient.set_label(status.label);
  recipient.set_state(
      static_cast<v1::RecipientState>(static_cast<int>(status.state) + 1));
  recipient.set_reason(
      static_cast<v1::RecipientReason>(static_cast<int>(status.reason)));
  recipient.set_detail(ToUtf8(status.detail));
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
  recipient.set_kind(status.node.empty() ? v1::RECIPIENT_KIND_WIRE
                                         : v1::RECIPIENT_KIND_NODE);
  recipient.set_node(status.node);
  recipient.set_offset(static_cast<int64_t>(status.offset));
  recipient.set_attempt(static_cast<int32_t>(status.attempt));
  if (status.earlier != nullptr) {
    for (const dataplane::EndedAttempt& attempt : *status.earlier) {
      AddAttempt(attempt, recipient);
    }
  }
  return recipient;
}

absl::StatusOr<dataplane::RecipientStatus> FromProto(
    const v1::Recipient& recipient) {
  dataplane::RecipientStatus status;
  status.identity = recipient.identity();
  status.attempt = static_cast<uint32_t>(recipient.attempt());
  const auto peer = HasNoAddress(status) ? asio::ip::tcp::endpoint()
                                         : ToEndpoint(recipient.address());
  const auto number = RecipientNumber(recipient.name());
  if (!peer || !number) {
    return absl::DataLossError(absl::StrCat("no recipient: \"",
                                            recipient.name(), "\" at \"",
                                            recipient.address(), "\""));
  }
  status.id = *number;
  status.peer = *peer;
  status.label = recipient.label();
  status.node = recipient.node();
  status.offset = static_cast<uint64_t>(recipient.offset());
  auto earlier = std::make_shared<dataplane::EndedAttempts>();
  for (const v1::RecipientAttempt& attempt : recipient.earlier_attempts()) {
    earlier->push_back(
        {.attempt = static_cast<uint32_t>(attempt.attempt()),
         .peer = ToEndpoint(attempt.address()).value_or(*peer),
         .state = ToState(attempt.state()),
         .reason = static_cast<dataplane::Reason>(attempt.reason()),
         .detail = attempt.detail(),
         .bytes_acked = static_cast<uint64_t>(attempt.bytes_acked()),
         .connect_time =
             TimeIfSet(attempt.has_connect_time(), attempt.connect_time()),
         .end_time = TimeIfSet(attempt.has_end_time(), attempt.end_time())});
  }
  if (!earlier->empty()) status.earlier = std::move(earlier);
  status.state = ToState(recipient.state());
  status.reason = static_cast<dataplane::Reason>(recipient.reason());
  status.detail = recipient.detail();
  status.start_byte = recipient.start_byte();
  status.bytes_sent = static_cast<uint64_t>(recipient.bytes_sent());
  status.bytes_acked = static_cast<uint64_t>(recipient.bytes_acked());
  status.bytes_per_second = static_cast<uint64_t>(recipient.bytes_per_second());
  status.rtt = ToDuration(recipient.rtt());
  status.retransmits = static_cast<uint64_t>(recipient.retransmits());
  status.connect_time =
      TimeIfSet(recipient.has_connect_time(), recipient.connect_time());
  status.start_time =
      TimeIfSet(recipient.has_start_time(), recipient.start_time());
  status.end_time = TimeIfSet(recipient.has_end_time(), recipient.end_time());
  return status;
}

}  // namespace tcptool::server
