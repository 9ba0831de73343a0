#include "server/daemon/options.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/daemon/flags.h"
#include "server/daemon/option_file.h"
#include "server/daemon/option_rules.h"
#include "version.h"

namespace tcptool::server {
namespace {

constexpr int kUsageError = 2;

// "--log-level" is TCPTOOLD_LOG_LEVEL.
std::string EnvironmentName(const std::string& option) {
  return absl::StrCat("TCPTOOLD_", absl::AsciiStrToUpper(absl::StrReplaceAll(
                                       option.substr(2), {{"-", "_"}})));
}

void AddFlags(CLI::App& app, Options& options, std::string& config) {
  // The last value wins: scripts and manifests append options to override
  // earlier ones. Lists, such as --root, keep all values.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version",
                       std::string("tcptoold ") + std::string(kVersion));
  app.add_option("--config", config, "Read options that are not given here")
      ->type_name("TOML");
  AddControlFlags(app, options.control);
  AddSecurityFlags(app, options.security);
  AddDataFlags(app, options.data);
  AddPeerFlags(app, options.peers);
  AddFleetFlags(app, options.fleet);
  AddStateFlags(app, options.state);
  AddHttpFlags(app, options.http);
  AddConnectFlags(app, options.connect);
  AddLogFlags(app, options.log);
  app.add_option("--ready-file", options.ready_file,
                 "Once serving, write the actual addresses there, as JSON")
      ->type_name("PATH");
  for (CLI::Option* option : app.get_options()) {
    if (option->get_configurable() && option->get_name() != "--help" &&
        option->get_name() != "--version") {
      option->envname(EnvironmentName(option->get_name()));
    }
  }
  app.add_flag("--check-config", options.check_config,
               "Check the options and the files that they name, and exit");
}

}  // namespace

std::variant<Options, int> ParseOptions(int argc, char** argv) {
  Options options;
  std::string config;
  CLI::App app(
      "Serves content to many machines over plain TCP, and tells over gRPC\n"
      "which of them have it.",
      "tcptoold");
  AddFlags(app, options, config);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  std::string error;
  if (!config.empty()) {
    error = std::string(ApplyOptionFile(config, app).message());
  }
  if (error.empty()) error = CheckTogether(options);
  if (error.empty()) return options;
  std::cerr << "tcptoold: " << error << "\n";
  return kUsageError;
}

}  // namespace tcptool::server
