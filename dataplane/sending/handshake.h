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
    kTls,      // A ClientHello came: the peer speaks TLS.
    // The peer ended the connection before its byte, or has reset it.
    kClosed,
  };
  Outcome outcome = Outcome::kPending;
  bool start_byte = false;
  int error = 0;  // The -errno behind kClosed; 0: an orderly end.
};

// Peeks at the byte (MSG_PEEK), and leaves it unread until the content is sent:
// Linux resets a connection that is closed with unread input. Together with the
// linger time of 0 that connections inherit from the listening socket, this
// prevents an orderly end of incomplete content when this process is killed.
Handshake PeekHandshake(SocketApi& sockets, int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_HANDSHAKE_H_
