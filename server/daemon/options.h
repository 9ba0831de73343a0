// The options of tcptoold. Each part of the service defines its own.
#ifndef TCPTOOL_SERVER_DAEMON_OPTIONS_H_
#define TCPTOOL_SERVER_DAEMON_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/base/log.h"
#include "server/connect/connect_options.h"
#include "server/fleet/member/fleet_options.h"
#include "server/http/http_options.h"
#include "server/peers/peer_options.h"
#include "server/rpc/control_options.h"
#include "server/security/data_tls.h"
#include "server/security/security_options.h"

namespace tcptool::server {

// What is sent, and from where.
struct DataOptions {
  std::string address = "0.0.0.0";
  // What recipients are told to connect to; see advertised_address.h.
  std::string advertise_address;
  uint16_t first_port = 9876;
  uint16_t last_port = 9975;
  std::vector<std::string> roots;            // NAME=DIR
  std::vector<std::string> writable_roots;   // NAME=DIR
  std::vector<std::string> browsable_roots;  // NAME
  size_t lanes = 0;                          // 0: one for each usable core.
  DataTlsOptions tls;
};

// What outlives the process, and how it ends.
struct StateOptions {
  std::string path;  // ":memory:": nothing; empty: DefaultStatePath().
  absl::Duration drain_timeout = absl::Seconds(60);
};

struct Options {
  ControlOptions control;
  SecurityOptions security;
  DataOptions data;
  PeerOptions peers;
  fleet::FleetOptions fleet;
  StateOptions state;
  HttpOptions http;
  ConnectOptions connect;
  LogOptions log;
  std::string ready_file;  // Empty: none.
  bool check_config = false;
};

// From the command line; what it does not set, from the environment; and what
// neither sets, from the file that --config names. Returns the options; or the
// exit status after --help, --version or an error, which has been printed.
std::variant<Options, int> ParseOptions(int argc, char** argv);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_OPTIONS_H_
