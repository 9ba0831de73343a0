#include "server/api/reception_translate.h"

#include <optional>

#include "absl/time/time.h"
#include "messages/time.h"
#include "server/api/translate.h"
#include "text/characters.h"

namespace tcptool::server {

// The enumerations have the same order; the API's begin with UNSPECIFIED, and
// so does the data plane's of reasons.
dataplane::ReceptionState ToState(v1::ReceptionState state) {
  return static_cast<dataplane::ReceptionState>(static_cast<int>(state) - 1);
}

void WillGoOn(v1::Reception& reception) {
  reception.set_state(v1::RECEPTION_STATE_CONNECTING);
  reception.clear_detail();
  reception.clear_end_time();
}

void CopyStatus(const dataplane::ReceptionStatus& status,
                v1::Reception& reception) {
  reception.set_state(
      static_cast<v1::ReceptionState>(static_cast<int>(status.state) + 1));
  reception.set_reason(
      static_cast<v1::ReceptionReason>(static_cast<int>(status.reason)));
  // A node's certificate, of which it may speak, may have any bytes.
  reception.set_detail(ToUtf8(status.detail));
  if (status.peer.port() != 0) {
    reception.set_peer_address(ToString(status.peer));
  }
  reception.set_bytes_received(static_cast<int64_t>(status.bytes_received));
  reception.set_bytes_verified(static_cast<int64_t>(status.bytes_verified));
  reception.set_bytes_durable(static_cast<int64_t>(status.bytes_durable));
  reception.set_bytes_resumed(static_cast<int64_t>(status.bytes_resumed));
  reception.set_bytes_per_second(static_cast<int64_t>(status.bytes_per_second));
  // What was known may have been doubted since.
  reception.clear_content_length();
  if (status.content_length) {
    reception.set_content_length(static_cast<int64_t>(*status.content_length));
  }
  const auto hex = [](const std::optional<dataplane::Digest>& digest) {
    return digest ? dataplane::ToHex(*digest) : "";
  };
  reception.set_content_sha256(hex(status.sha256));
  reception.set_content_root(hex(status.root));
  const auto copy = [](absl::Time time, auto set) {
    if (time != absl::InfinitePast()) *set() = ToTimestamp(time);
  };
  copy(status.connect_time, [&] { return reception.mutable_connect_time(); });
  copy(status.start_time, [&] { return reception.mutable_start_time(); });
  copy(status.file_stamp.changed,
       [&] { return reception.mutable_file_change_time(); });
  reception.set_file_inode(static_cast<int64_t>(status.file_stamp.inode));
  copy(status.end_time, [&] { return reception.mutable_end_time(); });
}

}  // namespace tcptool::server
