// What a session and its recipients are doing: the states, the reasons of a
// failure, and the snapshots that the data plane hands out. Plain values, free
// to be copied to any thread.
#ifndef TCPTOOL_DATAPLANE_BASE_STATE_H_
#define TCPTOOL_DATAPLANE_BASE_STATE_H_

#include <array>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace tcptool::dataplane {

enum class SessionState : uint8_t {
  kWaiting,             // Listens; nothing has been sent.
  kTransferring,        // Has begun to send.
  kSucceeded,           // Every recipient was DELIVERED.
  kPartiallySucceeded,  // Some were, some were not.
  kFailed,              // None was, or the source failed.
  kCancelled,           // Ended by its owner.
  kExpired,             // Nobody started it in time.
  kInterrupted,         // Cut off by the end of the service.
};
inline constexpr size_t kSessionStates = 8;

enum class RecipientState : uint8_t {
  kExpected,      // Named in advance; has not connected.
  kHandshaking,   // Connected; its start byte has not come yet.
  kReady,         // Waits for the session to start.
  kTransferring,  // Content is being handed to its connection.
  kConfirming,    // All content is handed over; delivery is not proven yet.
  kDelivered,     // Proven to have every byte.
  kFailed,
  kRejected,  // Turned away: not authorised, or no room.
  kDropped,   // Disconnected by the session's owner.
};
inline constexpr size_t kRecipientStates = 9;

// Why a recipient FAILED or was REJECTED.
enum class Reason : uint8_t {
  kNone,
  kNotAuthorized,
  kHandshakeTimeout,
  kHandshakeClosed,
  kConnectionLost,
  kStalled,
  kUnconfirmed,
  kSourceFailed,
  kSessionCancelled,
  kServiceStopped,
  kCapacity,
  // It is not the one that may connect, by its certificate, or has not spoken
  // TLS as the session does; `detail` says which.
  kTlsFailed,
};
inline constexpr size_t kReasons = 12;

// The names of the API: "WAITING", "CONNECTION_LOST". kNone is "".
std::string_view Name(SessionState state);
std::string_view Name(RecipientState state);
std::string_view Name(Reason reason);

// True once the state can never change again.
bool IsFinal(SessionState state);
bool IsFinal(RecipientState state);

// How an earlier connection of a recipient ended, before it connected again.
struct EndedAttempt {
  uint32_t attempt = 0;
  asio::ip::tcp::endpoint peer;
  RecipientState state = RecipientState::kFailed;
  Reason reason = Reason::kNone;
  std::string detail;
  uint64_t bytes_acked = 0;
  absl::Time connect_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();
};
// Oldest first; at most Roster::kMaxEarlierAttempts.
using EndedAttempts = std::vector<EndedAttempt>;

struct RecipientStatus {
  // Unique in the session, from 1, in the order of arrival (recipients that are
  // expected come first, in the order given).
  uint64_t id = 0;
  // Port 0 while EXPECTED. IPv4-mapped addresses are shown as IPv4.
  asio::ip::tcp::endpoint peer;
  std::string label;  // That of the expected recipient it turned out to be.
  // Content in TLS: a name in its certificate, which was verified ("cn:NAME",
  // "dns:NAME" or "uri:NAME"). Of an expected recipient that is known by one:
  // that, also while EXPECTED; of others the first. Empty: it has none.
  std::string identity;
  // All names in its certificate; null: none, or none that may connect.
  std::shared_ptr<const std::vector<std::string>> names;
  // Of another node's reception: what tells it from others, also when it comes
  // again. Empty: a recipient of the wire protocol.
  std::string node;
  // Where in the content it begins; only a node's is not 0.
  uint64_t offset = 0;
  // The number of this connection among the recipient's, from 1; 0 while
  // EXPECTED. Only an expected recipient and a node can connect again; all
  // other fields are of its last connection.
  uint32_t attempt = 0;
  std::shared_ptr<const EndedAttempts> earlier;  // Null if there were none.
  RecipientState state = RecipientState::kHandshaking;
  Reason reason = Reason::kNone;
  std::string detail;       // For people; empty unless FAILED or REJECTED.
  bool start_byte = false;  // Its byte said "I am the last, start now".
  // From connection to handshake byte; infinite until the byte comes.
  absl::Duration handshake_time = absl::InfiniteDuration();
  // From start_time to end_time by the monotonic clock, which the wall clock's
  // steps do not change; zero until it has ended.
  absl::Duration transfer_time;
  uint64_t bytes_sent = 0;        // From `offset` on, handed to the kernel.
  uint64_t bytes_acked = 0;       // Acknowledged by the recipient's TCP.
  uint64_t bytes_per_second = 0;  // Acknowledged, of late; the mean once final.
  absl::Duration rtt;             // Smoothed, as the kernel has it.
  uint64_t retransmits = 0;       // Segments, over the connection's life.
  absl::Time connect_time = absl::InfinitePast();  // InfinitePast: not yet.
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();
};

struct SessionStatus {
  SessionState state = SessionState::kWaiting;
  // Why it FAILED, or why `content_sha256` is not known although it was asked
  // for; empty otherwise.
  std::string error;
  asio::ip::tcp::endpoint data_endpoint;
  // Not set for a stream that has not ended.
  std::optional<uint64_t> content_length;
  // 64 lowercase hexadecimal digits; empty unless it is computed and the
  // content has been read to its end.
  std::string content_sha256;
  // How many recipients are in each state, by RecipientState. Includes those
  // whose records are no longer kept (see Roster::kMaxStrangers).
  std::array<uint64_t, kRecipientStates> counts{};
  uint64_t bytes_sent = 0;  // Over all recipients.
  uint64_t bytes_acked = 0;
  absl::Time create_time = absl::InfinitePast();
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();

  uint64_t count(RecipientState state) const {
    return counts[static_cast<size_t>(state)];
  }
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_STATE_H_
