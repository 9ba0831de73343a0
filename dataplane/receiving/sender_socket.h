// A recipient's side of a connection with a sender: docs/wire-protocol.md. To
// the sender, a connection that its recipient closes in an orderly way is the
// proof that the content has arrived, so it resets on close until then (see
// ResetOnClose()).
#ifndef TCPTOOL_DATAPLANE_RECEIVING_SENDER_SOCKET_H_
#define TCPTOOL_DATAPLANE_RECEIVING_SENDER_SOCKET_H_

#include <chrono>

#include "absl/time/time.h"

namespace tcptool::dataplane {

// How long the end of the connection may take to be acknowledged.
inline constexpr std::chrono::seconds kAcknowledgementTimeout{10};

// How long the kernel of a sender that has closed its socket remembers the
// connection (tcp(7), tcp_fin_timeout). Senders of 2008 close after their last
// byte; their kernel answers anything that comes after this time with a reset,
// which then means nothing.
inline constexpr std::chrono::seconds kClosedSocketsAreRemembered{55};

// Without a word from the sender's host for `dead_timeout`, even to keepalive
// probes, the connection is lost: half of it in silence, then three probes. At
// least 4 s.
void WatchSender(int socket, absl::Duration dead_timeout);

// No probes any more: once the content has ended, a system that has forgotten
// the connection would answer one with a reset.
void StopWatchingSender(int socket);

// Nothing is there to be read: neither content, nor the end, nor an error.
// Leaves an error where it is: recv(2), with MSG_PEEK too, would take it, and a
// reset would then look like the end.
bool IsSilent(int socket);

// What has gone wrong with the connection: an errno, 0 if nothing. Clears it. A
// reset that comes after the sender's end is told here alone: recv(2) goes on
// to answer 0.
int TakePendingError(int socket);

// Both sides have ended, and that is acknowledged.
bool IsClosed(int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_SENDER_SOCKET_H_
