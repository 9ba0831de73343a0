#include "dataplane/sending/handshake.h"

#include <cerrno>

namespace tcptool::dataplane {

Handshake PeekHandshake(SocketApi& sockets, int socket) {
  constexpr std::byte kStart{0x01};  // Bits 1 to 7 are ignored.
  std::byte byte{};
  const ssize_t got = sockets.Peek(socket, {&byte, 1});
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
  return {.outcome = Handshake::Outcome::kReady,
          .start_byte = (byte & kStart) != std::byte{0}};
}

}  // namespace tcptool::dataplane
