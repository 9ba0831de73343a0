#include "server/options.h"

#include <CLI/CLI.hpp>
#include <asio/ip/address.hpp>
#include <map>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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

// A control plane that anybody can reach, and that asks nobody who they are,
// has to be asked for.
std::string CheckControlAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  uint16_t port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !ToPort(absl::string_view(text).substr(colon + 1), port)) {
    return absl::StrCat("\"", text,
                        "\" is no address; write it as 127.0.0.1:9875");
  }
  return "";
}

bool IsLoopback(const std::string& control_address) {
  std::string host = control_address.substr(0, control_address.rfind(':'));
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return host == "localhost" || (!error && address.is_loopback());
}

void AddControl(CLI::App& app, ControlOptions& options) {
  app.add_option("--control-address", options.address,
                 "Where the gRPC control API listens; port 0 picks a free one")
      ->capture_default_str()
      ->type_name("HOST:PORT")
      ->check(CheckControlAddress);
  app.add_flag(
      "--insecure-control", options.insecure,
      "Allow a control address beyond loopback, in clear text and for\n"
      "everybody");
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
  if (!IsLoopback(options.control.address) && !options.control.insecure) {
    return absl::StrCat("--control-address ", options.control.address,
                        ": anybody who reaches it could read and send every "
                        "file; choose a loopback address, or say "
                        "--insecure-control");
  }
  return "";
}

}  // namespace

std::variant<Options, int> ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Serves content to many machines over plain TCP, and tells over gRPC\n"
      "which of them have it.",
      "tcptoold");
  app.set_version_flag("--version",
                       std::string("tcptoold ") + std::string(kVersion));
  AddControl(app, options.control);
  AddData(app, options.data);
  AddHttp(app, options.http);
  AddLog(app, options.log);
  app.add_option("--ready-file", options.ready_file,
                 "Once serving, write the actual addresses there, as JSON")
      ->type_name("PATH");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : 2;
  }
  const std::string error = CheckTogether(options);
  if (!error.empty()) {
    std::cerr << "tcptoold: " << error << "\n";
    return 2;
  }
  return options;
}

}  // namespace tcptool::server
