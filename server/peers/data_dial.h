// Connects to another node's data port.
#ifndef TCPTOOL_SERVER_PEERS_DATA_DIAL_H_
#define TCPTOOL_SERVER_PEERS_DATA_DIAL_H_

#include <openssl/types.h>

#include <asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/dialing/dialer.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/upstream.h"
#include "dataplane/tls/tls_connection.h"

namespace tcptool::server {

// Dials, shakes hands if the connection is to be encrypted, and says what the
// node wants to hear first. Lives on the lane, and keeps itself alive while it
// waits.
class DataDial : public std::enable_shared_from_this<DataDial> {
 public:
  // With DialTarget::wait being 0, it dials once.
  struct Options {
    dataplane::DialTarget target;
    absl::Duration dead_timeout;  // See dataplane::WatchSender().
    std::string hello;            // What is said first.
    // What the connection is encrypted with; null: it is in clear text.
    std::shared_ptr<SSL_CTX> tls;
    // The DNS name that the node's certificate must have. Empty: it must be one
    // for target.host.
    std::string certificate_name;
  };
  // UNAVAILABLE: the node does not answer, or has ended the connection.
  // PERMISSION_DENIED: its certificate is another one's, or no good.
  using Done =
      absl::AnyInvocable<void(absl::StatusOr<dataplane::UpstreamConnection>)>;

  // `lane` outlives it until `done` is called, or Cancel().
  DataDial(dataplane::Lane& lane, Options options, Done done);

  // Does not call `done` before it returns.
  void Start();
  // `done` is not called any more. The connection is reset.
  void Cancel();

 private:
  using Descriptor = asio::posix::stream_descriptor;

  void OnDialed(absl::StatusOr<dataplane::UniqueFd> socket);
  void ShakeHands();
  void WaitFor(Descriptor::wait_type what);
  // OK: the certificate is the right one.
  absl::Status CheckCertificate() const;
  void SayHello();
  void Finish(absl::StatusOr<dataplane::UpstreamConnection> result);

  dataplane::Lane& lane_;
  const Options options_;
  Done done_;  // Null: it is over.
  std::shared_ptr<dataplane::Dialer> dialer_;
  Descriptor socket_;
  std::unique_ptr<dataplane::TlsConnection> tls_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_DATA_DIAL_H_
