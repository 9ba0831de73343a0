// The command line of tcptool, as its manual of 2008 has it, with long options
// beside it.
#ifndef TCPTOOL_CLIENT_TCPTOOL_OPTIONS_H_
#define TCPTOOL_CLIENT_TCPTOOL_OPTIONS_H_

#include <asio/ip/address.hpp>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "client/tcptool/diagnostics.h"
#include "client/tcptool/output.h"
#include "client/tcptool/tls_options.h"
#include "dataplane/session/access_list.h"
#include "dataplane/session/session_options.h"

namespace tcptool::client {

struct SenderOptions {
  uint16_t port = 0;
  uint32_t max_clients = 1;           // 0: any number, the last says so.
  uint32_t max_connections = 10'000;  // At a time, whatever max_clients is.
  dataplane::AccessList allow;
  asio::ip::address listen = asio::ip::address_v4::any();
  dataplane::Limits limits;
  bool sha256 = false;
  TlsOptions tls;
  std::string file;  // Empty: standard input.
};

struct RecipientOptions {
  std::string host;
  std::string port;
  bool start = false;
  absl::Duration wait;  // For a sender that is not up yet.
  absl::Duration stall_timeout = absl::InfiniteDuration();
  // Without a word from the sender's host, even to keepalive probes.
  absl::Duration dead_timeout = absl::Seconds(60);
  bool sha256 = false;
  TlsOptions tls;
  OutputOptions output;
};

// What to do, or the exit status after --help, --version or an error, which has
// been said. Sets the level of `diagnostics` first of all, wherever `-d`
// stands.
std::variant<SenderOptions, RecipientOptions, int> ParseTcptoolOptions(
    int argc, char** argv, Diagnostics& diagnostics);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_OPTIONS_H_
