// The file that --config names: options in TOML.
#ifndef TCPTOOL_SERVER_DAEMON_OPTION_FILE_H_
#define TCPTOOL_SERVER_DAEMON_OPTION_FILE_H_

#include <CLI/App.hpp>
#include <string>

#include "absl/status/status.h"

namespace tcptool::server {

// Reads the TOML 1.0 file `path` and gives the options of `app`, which has
// parsed the command line and the environment, the values that the file has for
// them; options that are set already keep their value. A key is an option's
// name without "--"; a list is an array, or a string for one element. Only
// options that can be set in the environment can be set in the file.
//
// INVALID_ARGUMENT: the file cannot be read, is no TOML, has a key that is no
// option or a value that the option does not take; the message begins with
// "FILE:LINE:COLUMN: " where there is such a place.
absl::Status ApplyOptionFile(const std::string& path, CLI::App& app);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_OPTION_FILE_H_
