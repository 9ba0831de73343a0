#include "server/daemon/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <asio/ip/address.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/rpc/control_address.h"
#include "version.h"

namespace tcptool::server {
namespace {

bool ToPort(absl::string_view text, uint16_t& port) {
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number > 65535) return false;
  port = static_cast<uint16_t>(number);
  return true;
}

// Sets both ends from "LOW-HIGH". The error, or an empty string.
std::string ParsePortRange(const std::string& text, DataOptions& options) {
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  if (!ToPort(ends.first, options.first_port) ||
      !ToPort(ends.second, options.last_port) || options.first_port == 0 ||
      options.first_port > options.last_port) {
    return absl::StrCat("\"", text,
                        "\" is no range of ports; write it as 9876-9975");
  }
  return "";
}

std::string CheckDataAddress(const std::string& text) {
  std::error_code error;
  asio::ip::make_address(text, error);
  return error ? absl::StrCat("\"", text, "\" is no IP address") : "";
}

void AddControl(CLI::App& app, ControlOptions& options) {
  app.add_option("--control-address", options.address,
                 "Where the gRPC control API listens; port 0 picks a free one")
      ->capture_default_str()
      ->type_name("HOST:PORT|unix:PATH")
      ->check([](const std::string& text) {
        return std::string(CheckControlAddress(text).message());
      });
  app.add_flag(
      "--insecure-control", options.insecure,
      "Allow a control address beyond loopback, in clear text and for\n"
      "everybody");
  const auto add_limit = [&app](const std::string& name, auto& value,
                                const std::string& description, int64_t least,
                                int64_t most) {
    app.add_option(name, value, description)
        ->capture_default_str()
        ->type_name("N")
        ->check(CLI::Range(least, most));
  };
  add_limit("--max-message-bytes", options.max_message_bytes,
            "The largest message that a client may send", 64 << 10, 64 << 20);
  add_limit("--max-concurrent-streams", options.max_concurrent_streams,
            "Calls that one connection may have at a time", 1, 100'000);
  add_limit("--max-watchers", options.max_watchers,
            "Calls of WatchSessions at a time", 1, 100'000);
  add_limit("--max-sessions", options.max_sessions,
            "Sessions that are held, the finished ones included", 1, 1'000'000);
  add_limit("--max-upload-bytes", options.max_upload_bytes,
            "Memory for all uploads together", 64 << 20, int64_t{1} << 40);
  app.add_option_function<std::string>(
         "--client-idle-limit",
         [&options](const std::string& text) {
           absl::Duration limit;
           if (!absl::ParseDuration(text, &limit) || limit < absl::Seconds(1) ||
               limit > absl::Hours(24)) {
             throw CLI::ValidationError(
                 "--client-idle-limit",
                 absl::StrCat("\"", text,
                              "\" is not between 1s and 24h; write it as 5m"));
           }
           options.client_idle_limit = absl::ToChronoSeconds(limit);
         },
         "How long an upload may send nothing while the service waits for it")
      ->default_str("5m")
      ->type_name("TIME");
}

void AddSecurity(CLI::App& app, SecurityOptions& options) {
  app.add_option("--tls-cert", options.tls_cert,
                 "Serve the control API over TLS, with this certificate chain")
      ->type_name("PEM");
  app.add_option("--tls-key", options.tls_key, "The certificate's key")
      ->type_name("PEM");
  app.add_option("--tls-client-ca", options.tls_client_ca,
                 "Who signs the clients' certificates")
      ->type_name("PEM");
  app.add_option(
         "--cert-role", options.cert_roles,
         "viewer or operator, by a client certificate's common name\n"
         "(cn:NAME) or alternative name (dns:NAME, uri:NAME); * is any\n"
         "other; may be repeated")
      ->type_name("NAME=ROLE");
  app.add_flag("--tls-require-client-cert", options.tls_require_client_cert,
               "Refuse clients without a certificate in the TLS handshake, as\n"
               "is always done where there is no --token-file");
  app.add_option("--token-file", options.token_file,
                 "Bearer tokens, a line NAME ROLE SHA256 for each")
      ->type_name("PATH");
}

void AddData(CLI::App& app, DataOptions& options) {
  app.add_option("--data-address", options.address,
                 "The address that sessions listen on unless they ask for "
                 "another")
      ->capture_default_str()
      ->type_name("IP")
      ->check(CheckDataAddress);
  app.add_option_function<std::string>(
         "--data-ports",
         [&options](const std::string& text) {
           const std::string error = ParsePortRange(text, options);
           if (!error.empty())
             throw CLI::ValidationError("--data-ports", error);
         },
         "The ports that sessions listen on, one each")
      ->default_str(absl::StrCat(options.first_port, "-", options.last_port))
      ->type_name("LOW-HIGH");
  app.add_option(
         "--root", options.roots,
         "A directory to serve files from, and its name in the API; may "
         "be repeated")
      ->type_name("NAME=DIR");
  app.add_option("--lanes", options.lanes,
                 "Threads that send; 0: one for each core")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
}

void AddState(CLI::App& app, StateOptions& options) {
  app.add_option("--state", options.path,
                 "The database of sessions and their results, or :memory: for\n"
                 "none. Default: $STATE_DIRECTORY/tcptoold.db, else\n"
                 "tcptool/tcptoold.db in $XDG_STATE_HOME or ~/.local/state")
      ->type_name("PATH");
  app.add_option_function<std::string>(
         "--drain-timeout",
         [&options](const std::string& text) {
           if (!absl::ParseDuration(text, &options.drain_timeout) ||
               options.drain_timeout < absl::ZeroDuration() ||
               options.drain_timeout > absl::Hours(24)) {
             throw CLI::ValidationError(
                 "--drain-timeout",
                 absl::StrCat("\"", text,
                              "\" is not between 0s and 24h; write it as 60s"));
           }
         },
         "How long running transfers may go on after SIGTERM; a second "
         "SIGTERM\n"
         "ends them at once")
      ->default_str("60s")
      ->type_name("TIME");
}

// The HTTP server takes IP addresses only.
std::string CheckHttpAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  uint16_t port = 0;
  const bool bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  std::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (colon == std::string::npos || error || address.is_v6() != bracketed ||
      !ToPort(absl::string_view(text).substr(colon + 1), port)) {
    return absl::StrCat("\"", text,
                        "\" is no IP address and port; write it as "
                        "127.0.0.1:9874 or [::1]:9874");
  }
  return "";
}

void AddHttp(CLI::App& app, HttpOptions& options) {
  app.add_option("--http-address", options.address,
                 "Where /metrics, /healthz and /readyz are served over HTTP;\n"
                 "port 0 picks a free one")
      ->capture_default_str()
      ->type_name("IP:PORT")
      ->check(CheckHttpAddress);
  app.add_flag(
      "--status-page", options.status_page,
      "Show sessions, recipients and their addresses there too, at /,\n"
      "to everybody who reaches it");
}

void AddLog(CLI::App& app, LogOptions& options) {
  const std::map<std::string, bool> formats = {{"text", false}, {"json", true}};
  app.add_option("--log-format", options.json, "text or json")
      ->type_name("FORMAT")
      ->transform(CLI::CheckedTransformer(formats));
  const std::map<std::string, spdlog::level::level_enum> levels = {
      {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},
      {"warning", spdlog::level::warn},
      {"error", spdlog::level::err}};
  app.add_option("--log-level", options.level, "debug, info, warning or error")
      ->type_name("LEVEL")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case));
}

// What no option can check by itself. The error, or an empty string.
std::string CheckTogether(const Options& options) {
  const SecurityOptions& security = options.security;
  const bool tls = !security.tls_cert.empty();
  const bool asks_who =
      !security.token_file.empty() || !security.tls_client_ca.empty();
  if (tls == security.tls_key.empty()) {
    return "--tls-cert and --tls-key go together";
  }
  if (!tls && !security.tls_client_ca.empty()) {
    return "--tls-client-ca wants --tls-cert and --tls-key";
  }
  if (security.tls_client_ca.empty() != security.cert_roles.empty()) {
    return "--tls-client-ca and --cert-role go together: the one says which "
           "certificates are good, the other what they are good for";
  }
  if (security.tls_require_client_cert && security.tls_client_ca.empty()) {
    return "--tls-require-client-cert wants --tls-client-ca";
  }
  if (options.control.insecure && asks_who && !tls) {
    return "--insecure-control sends tokens in clear text; add --tls-cert and "
           "--tls-key in its place";
  }
  if (IsLocal(options.control.address) || options.control.insecure) return "";
  if (tls && asks_who) return "";
  return absl::StrCat(
      "--control-address ", options.control.address,
      ": anybody who reaches it could read and send every file; choose a "
      "loopback address, or add --tls-cert and --tls-key with --token-file or "
      "--tls-client-ca, or say --insecure-control");
}

// One reading of the command line.
struct CommandLine {
  CommandLine()
      : app("Serves content to many machines over plain TCP, and tells over "
            "gRPC\nwhich of them have it.",
            "tcptoold") {
    app.set_version_flag("--version",
                         std::string("tcptoold ") + std::string(kVersion));
    app.add_option("--config", config, "Read options that are not given here")
        ->type_name("TOML");
    AddControl(app, options.control);
    AddSecurity(app, options.security);
    AddData(app, options.data);
    AddState(app, options.state);
    AddHttp(app, options.http);
    AddLog(app, options.log);
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

  // "--log-level" is TCPTOOLD_LOG_LEVEL.
  static std::string EnvironmentName(const std::string& option) {
    return absl::StrCat("TCPTOOLD_", absl::AsciiStrToUpper(absl::StrReplaceAll(
                                         option.substr(2), {{"-", "_"}})));
  }

  // `arguments` without the program's name.
  void Parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  }

  CLI::App app;
  Options options;
  std::string config;
};

// What the file says of options that neither the command line nor the
// environment has set, as arguments.
std::vector<std::string> FromFile(const CommandLine& given) {
  std::vector<std::string> arguments;
  for (const CLI::ConfigItem& item :
       given.app.get_config_formatter()->from_file(given.config)) {
    const CLI::Option* option = given.app.get_option_no_throw("--" + item.name);
    if (!item.parents.empty() || option == nullptr ||
        option->get_envname().empty() || item.name == "config") {
      throw CLI::ConfigError(
          absl::StrCat("--config ", given.config, ": there is no option \"",
                       item.fullname(), "\""),
          CLI::ExitCodes::ConfigError);
    }
    if (option->count() > 0) continue;
    for (const std::string& input : item.inputs) {
      arguments.push_back(absl::StrCat("--", item.name, "=", input));
    }
  }
  return arguments;
}

}  // namespace

std::variant<Options, int> ParseOptions(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  auto line = std::make_unique<CommandLine>();
  try {
    line->Parse(arguments);
    if (!line->config.empty()) {
      const std::vector<std::string> more = FromFile(*line);
      arguments.insert(arguments.end(), more.begin(), more.end());
      line = std::make_unique<CommandLine>();
      line->Parse(arguments);
    }
  } catch (const CLI::ParseError& error) {
    const int status = line->app.exit(error);
    return status == 0 ? 0 : 2;
  }
  const std::string error = CheckTogether(line->options);
  if (!error.empty()) {
    std::cerr << "tcptoold: " << error << "\n";
    return 2;
  }
  return line->options;
}

}  // namespace tcptool::server
