// What a reception is doing: its states, the reasons of a failure, and the
// snapshot that is handed out. Plain values, free to be copied to any thread.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_RECEPTION_STATUS_H_
#define TCPTOOL_DATAPLANE_RECEIVING_RECEPTION_STATUS_H_

#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "dataplane/base/sha256.h"
#include "dataplane/receiving/file_mark.h"

namespace tcptool::dataplane {

enum class ReceptionState : uint8_t {
  kConnecting,   // Prepares the file; then waits for a connection.
  kWaiting,      // Connected; nothing has come.
  kReceiving,    // Content comes.
  kVerifying,    // All has come; it is verified, and brought to the disk.
  kSucceeded,    // The whole content is on the disk, under its name.
  kFailed,       // Nothing is under the name that was not there before.
  kCancelled,    // By its owner; the same.
  kInterrupted,  // Cut off by the end of the service; it may go on.
};
inline constexpr size_t kReceptionStates = 8;

// Why a reception FAILED.
enum class ReceptionReason : uint8_t {
  kNone,
  kUnreachable,        // No connection could be had.
  kConnectionLost,     // Reset, or the sender's host does not answer.
  kStalled,            // Nothing came for too long.
  kLengthMismatch,     // More or fewer bytes came than were expected.
  kDigestMismatch,     // The content is not the expected one.
  kNoSpace,            // The file system is full, or a quota is.
  kAlreadyExists,      // The name is taken, and was not to be overwritten.
  kDestinationFailed,  // The file cannot be written for another reason.
};
inline constexpr size_t kReceptionReasons = 9;

// The names of the API: "RECEIVING", "CONNECTION_LOST". kNone is "".
std::string_view Name(ReceptionState state);
std::string_view Name(ReceptionReason reason);

// True once the state can never change again.
bool IsFinal(ReceptionState state);

struct ReceptionStatus {
  ReceptionState state = ReceptionState::kConnecting;
  ReceptionReason reason = ReceptionReason::kNone;
  // For people: why it FAILED; or, once it has SUCCEEDED, that the sender does
  // not know of it.
  std::string detail;
  // Of the last connection; port 0: there was none.
  asio::ip::tcp::endpoint peer;
  uint32_t connections = 0;
  // Positions in the content: up to where it has come, is verified (in whole
  // blocks), and would survive a crash.
  uint64_t bytes_received = 0;
  uint64_t bytes_verified = 0;
  uint64_t bytes_durable = 0;
  uint64_t bytes_resumed = 0;     // What an earlier attempt had of it.
  uint64_t bytes_per_second = 0;  // Of late; the mean once final.
  // Known when all has come, or when it was said before.
  std::optional<uint64_t> content_length;
  // Once it has been verified; the SHA-256 only where it is computed.
  std::optional<Digest> root;
  std::optional<Digest> sha256;
  // The file's, once it has its name: who changes or replaces it after that
  // leaves another one.
  FileStamp file_stamp;
  absl::Time create_time = absl::InfinitePast();
  absl::Time connect_time = absl::InfinitePast();  // Of the first connection.
  absl::Time start_time = absl::InfinitePast();    // Of the first byte.
  absl::Time end_time = absl::InfinitePast();
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_RECEPTION_STATUS_H_
