// The command line of tcptoold.
#ifndef TCPTOOL_SERVER_OPTIONS_H_
#define TCPTOOL_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "spdlog/common.h"

namespace tcptool::server {

struct Options {
  std::string control_address = "127.0.0.1:9875";
  bool insecure_control = false;
  std::string data_address = "0.0.0.0";
  uint16_t first_data_port = 9876;
  uint16_t last_data_port = 9975;
  std::vector<std::string> roots;  // NAME=DIR
  size_t lanes = 0;
  std::string ready_file;
  spdlog::level::level_enum log_level = spdlog::level::info;
};

// The options, or the exit status after --help, --version or an error, which
// has been printed.
std::variant<Options, int> ParseOptions(int argc, char** argv);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_OPTIONS_H_
