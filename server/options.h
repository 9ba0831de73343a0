// The command line of tcptoold, by groups: each part of the service has its
// own.
#ifndef TCPTOOL_SERVER_OPTIONS_H_
#define TCPTOOL_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "spdlog/common.h"

namespace tcptool::server {

// The control API, and what its clients may cost.
struct ControlOptions {
  std::string address = "127.0.0.1:9875";  // Or "unix:PATH".
  bool insecure = false;  // Beyond this machine, in clear text, for everybody.
  int max_message_bytes = 4 << 20;
  int max_concurrent_streams = 1024;  // Of one connection.
  size_t max_watchers = 1000;
  size_t max_sessions = 10'000;  // Held, the finished ones included.
  // What uploads hold in memory, all together.
  size_t max_upload_bytes = size_t{1} << 30;
};

// Who may call. All empty: everybody who reaches the control address.
struct SecurityOptions {
  std::string tls_cert;  // PEM, the chain; empty: no TLS.
  std::string tls_key;
  std::string tls_client_ca;
  std::string token_file;
  std::vector<std::string> cert_roles;  // NAME=ROLE
};

// What is sent, and from where.
struct DataOptions {
  std::string address = "0.0.0.0";
  uint16_t first_port = 9876;
  uint16_t last_port = 9975;
  std::vector<std::string> roots;  // NAME=DIR
  size_t lanes = 0;                // 0: one for each core.
};

// What outlives the process, and how it ends.
struct StateOptions {
  std::string path;  // ":memory:": nothing; empty: DefaultStatePath().
  absl::Duration drain_timeout = absl::Seconds(60);
};

// Pages for operators and their tools.
struct HttpOptions {
  std::string address = "127.0.0.1:9874";
  bool status_page = false;
};

struct LogOptions {
  bool json = false;
  spdlog::level::level_enum level = spdlog::level::info;
};

struct Options {
  ControlOptions control;
  SecurityOptions security;
  DataOptions data;
  StateOptions state;
  HttpOptions http;
  LogOptions log;
  std::string ready_file;  // Empty: none.
  bool check_config = false;
};

// From the command line; what it does not say, from the environment; and what
// neither says, from the file that --config names. The options, or the exit
// status after --help, --version or an error, which has been printed.
std::variant<Options, int> ParseOptions(int argc, char** argv);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_OPTIONS_H_
