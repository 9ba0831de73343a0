// The gRPC channel to a service: its address, TLS, and the client's
// credentials.
#ifndef TCPTOOL_CLIENT_API_CHANNEL_H_
#define TCPTOOL_CLIENT_API_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace tcptool {

// Where the service of this host is: "unix:/run/tcptoold/control.sock", where
// the packaged one listens, if that is a socket; else "127.0.0.1:9875".
std::string LocalServer();

// Files are PEM; an empty name is none.
struct ChannelOptions {
  std::string server = LocalServer();  // HOST:PORT, or unix:PATH.
  bool tls = false;                    // Also by any of the next four.
  std::string tls_ca;                  // Empty: the system's.
  std::string tls_cert;                // Goes with tls_key.
  std::string tls_key;
  // The name that the service's certificate must have, where it is not the
  // host's in `server`: through a tunnel, or by an address.
  std::string tls_server_name;

  bool wants_tls() const {
    return tls || !tls_ca.empty() || !tls_cert.empty() || !tls_key.empty() ||
           !tls_server_name.empty();
  }
};

// Connects when it is first used, and tries again what client.h says.
// INVALID_ARGUMENT: a file cannot be read, or only one of certificate and key
// is given.
absl::StatusOr<std::shared_ptr<grpc::Channel>> NewChannel(
    const ChannelOptions& options);

// The bearer token in a file, without surrounding blanks. INVALID_ARGUMENT:
// there is none, or `options` would send it over a network in clear text.
absl::StatusOr<std::string> ReadToken(const std::string& path,
                                      const ChannelOptions& options);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_API_CHANNEL_H_
