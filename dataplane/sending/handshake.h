// The recipient's side of the protocol: one byte, whose lowest bit says "I am
// the last, start now" (docs/wire-protocol.md).
#ifndef TCPTOOL_DATAPLANE_SENDING_HANDSHAKE_H_
#define TCPTOOL_DATAPLANE_SENDING_HANDSHAKE_H_

#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

struct Handshake {
  enum class Outcome : uint8_t {
    kPending,  // No byte yet.
    kReady,    // `start_byte` is known.
    kClosed,   // The peer ended or reset the connection before its byte.
  };
  Outcome outcome = Outcome::kPending;
  bool start_byte = false;
  int error = 0;  // The -errno behind kClosed; 0: an orderly end.
};

// Looks for the byte, and leaves it unread: it is the dead-man's byte. A socket
// that the kernel closes with unread input, because this process was killed, is
// reset, so that no recipient takes a part for the whole.
Handshake PeekHandshake(SocketApi& sockets, int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_HANDSHAKE_H_
