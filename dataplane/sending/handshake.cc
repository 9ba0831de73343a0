#include "dataplane/sending/handshake.h"

#include <array>
#include <cerrno>

namespace tcptool::dataplane {
namespace {

constexpr size_t kHello = 6;

// Of a record of TLS (RFC 8446, section 5.1) the type and the version, the
// length, which may be any, and the type of the message. Its first byte by
// itself is one that a recipient may send; all of them come in one segment.
bool IsClientHello(const std::array<std::byte, kHello>& bytes) {
  return bytes[0] == std::byte{0x16} && bytes[1] == std::byte{0x03} &&
         bytes[2] <= std::byte{0x04} && bytes[5] == std::byte{0x01};
}

}  // namespace

Handshake PeekHandshake(SocketApi& sockets, int socket) {
  constexpr std::byte kStart{0x01};  // Bits 1 to 7 are ignored.
  std::array<std::byte, kHello> bytes{};
  const ssize_t got = sockets.Peek(socket, bytes);
  if (got == -EAGAIN) return {.outcome = Handshake::Outcome::kPending};
  if (got <= 0) {
    return {.outcome = Handshake::Outcome::kClosed,
            .error = static_cast<int>(got)};
  }
  // Checked after the read, as a byte that came before a reset can still be
  // read.
  if (const int error = sockets.TakeError(socket); error < 0) {
    return {.outcome = Handshake::Outcome::kClosed, .error = error};
  }
  if (static_cast<size_t>(got) == kHello && IsClientHello(bytes)) {
    return {.outcome = Handshake::Outcome::kTls};
  }
  return {.outcome = Handshake::Outcome::kReady,
          .start_byte = (bytes[0] & kStart) != std::byte{0}};
}

}  // namespace tcptool::dataplane
