// The command line of tcptoold, by groups: each part of the service has its
// own.
#ifndef TCPTOOL_SERVER_OPTIONS_H_
#define TCPTOOL_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "spdlog/common.h"

namespace tcptool::server {

// The control API.
struct ControlOptions {
  std::string address = "127.0.0.1:9875";
  bool insecure = false;  // Beyond loopback in clear text and for everybody.
  int max_message_bytes = 4 << 20;
  size_t max_watchers = 1000;
};

// What is sent, and from where.
struct DataOptions {
  std::string address = "0.0.0.0";
  uint16_t first_port = 9876;
  uint16_t last_port = 9975;
  std::vector<std::string> roots;  // NAME=DIR
  size_t lanes = 0;                // 0: one for each core.
};

// Pages for operators and their tools.
struct HttpOptions {
  std::string address = "127.0.0.1:9874";
  bool status_page = false;
};

struct LogOptions {
  spdlog::level::level_enum level = spdlog::level::info;
};

struct Options {
  ControlOptions control;
  DataOptions data;
  HttpOptions http;
  LogOptions log;
  std::string ready_file;  // Empty: none.
};

// The options, or the exit status after --help, --version or an error, which
// has been printed.
std::variant<Options, int> ParseOptions(int argc, char** argv);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_OPTIONS_H_
