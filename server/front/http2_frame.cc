#include "server/front/http2_frame.h"

namespace tcptool::server {

std::optional<Http2Frame> Http2Frame::At(absl::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const auto byte = [bytes](size_t i) {
    return uint32_t{static_cast<uint8_t>(bytes[i])};
  };
  return Http2Frame{
      .length = byte(0) << 16 | byte(1) << 8 | byte(2),
      .type = static_cast<uint8_t>(bytes[3]),
      .flags = static_cast<uint8_t>(bytes[4]),
      // The highest bit means nothing.
      .stream = (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) &
                0x7fffffff};
}

}  // namespace tcptool::server
