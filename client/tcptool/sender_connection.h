// A recipient's connection with its sender: docs/wire-protocol.md.
#ifndef TCPTOOL_CLIENT_TCPTOOL_SENDER_CONNECTION_H_
#define TCPTOOL_CLIENT_TCPTOOL_SENDER_CONNECTION_H_

#include <openssl/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/socket_api.h"
#include "dataplane/tls/tls_connection.h"

namespace tcptool::client {

// To the sender, a connection that its recipient closes in an orderly way is
// the proof that the content has arrived. So linger 0 resets the connection
// when this object or the process ends in any other way than by Close().
//
// For one thread. What it says of an error is the system's reason alone.
class SenderConnection {
 public:
  // Without a word from the sender's host for `dead_timeout`, even to
  // keepalive probes, the connection is lost. At least a few seconds.
  SenderConnection(dataplane::UniqueFd socket, absl::Duration dead_timeout);

  // "192.0.2.7:9876", "[2001:db8::7]:9876"; "the sender" if it is gone already.
  std::string PeerName() const;

  // Speaks TLS from here on, with a sender whose certificate is for `host`, a
  // name or an address. Call it first of all. Errors: DeadlineExceeded, nothing
  // came of it within `timeout`; Unavailable, the sender has ended the
  // connection; FailedPrecondition, it does not speak TLS as this end does; and
  // of its certificate: NotFound, it is for other names; OutOfRange, it is not
  // valid now; InvalidArgument, it is not for servers; Unauthenticated, nobody
  // who is trusted has signed it, or it is wrong in another way.
  absl::Status StartTls(const std::shared_ptr<SSL_CTX>& context,
                        const std::string& host, absl::Duration timeout);

  // Sends the one byte of the protocol. `start`: "I am the last, start now".
  absl::Status SendByte(bool start);

  // The next bytes, at most as many as `buffer` takes; 0 once the sender has
  // ended the content in an orderly way, which in TLS is TLS's end
  // (close_notify): TCP's alone can be anybody's. Errors: DeadlineExceeded,
  // nothing of it came for `stall_timeout`; Unavailable, the connection is
  // lost; PermissionDenied, the sender has ended it as TLS does not allow, or
  // by an alert, as where it does not accept this recipient's certificate;
  // DataLoss, what came is not TLS's, or has been changed on its way.
  absl::StatusOr<size_t> Receive(std::span<std::byte> buffer,
                                 absl::Duration stall_timeout);

  // Tells the sender that everything is written, after the content's end, and
  // waits until the sender's TCP has acknowledged that. Unavailable: the sender
  // has reset the connection, before or meanwhile, and so does not take the
  // content for delivered. OK also if the sender cannot be reached for 10 s:
  // the answer was sent.
  absl::Status Close();

 private:
  using Clock = std::chrono::steady_clock;

  // What SocketApi has returned, -errno, as an error.
  absl::Status Lost(ssize_t error) const;
  absl::Status WaitForAcknowledgement();
  // Waits for poll(2)'s `events`. False: not until `timeout`.
  bool WaitFor(short events, absl::Duration timeout) const;

  const dataplane::UniqueFd socket_;
  std::optional<dataplane::TlsConnection> tls_;
  // The socket's, or tls_'s.
  dataplane::SocketApi* sockets_ = &dataplane::SocketApi::Real();
  // When the content ended.
  Clock::time_point ended_at_;
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_SENDER_CONNECTION_H_
