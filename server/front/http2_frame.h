// The header of a frame of HTTP/2 (RFC 9113, section 4.1).
#ifndef TCPTOOL_SERVER_FRONT_HTTP2_FRAME_H_
#define TCPTOOL_SERVER_FRONT_HTTP2_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace tcptool::server {

// What a client sends before its first frame is as long as this.
inline constexpr size_t kHttp2PrefaceBytes = 24;

struct Http2Frame {
  static constexpr size_t kHeaderBytes = 9;
  enum Type : uint8_t {
    kData = 0,
    kHeaders = 1,
    kRstStream = 3,
    kSettings = 4,
    kPing = 6,
    kGoAway = 7,
    kContinuation = 9,
  };
  static constexpr uint8_t kEndStream = 1;   // Of DATA and HEADERS.
  static constexpr uint8_t kAck = 1;         // Of SETTINGS and PING.
  static constexpr uint8_t kEndHeaders = 4;  // Of HEADERS and CONTINUATION.

  // The frame that `bytes` begin with; nullopt: too few to tell.
  static std::optional<Http2Frame> At(absl::string_view bytes);

  // With its header.
  size_t size() const { return kHeaderBytes + length; }
  bool Has(uint8_t flag) const { return (flags & flag) != 0; }

  uint32_t length;  // Of the payload.
  uint8_t type;
  uint8_t flags;
  uint32_t stream;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_HTTP2_FRAME_H_
