#include "server/daemon/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/base/ip_address.h"
#include "server/connect/origins.h"
#include "server/rpc/control_address.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

bool ToPort(absl::string_view text, uint16_t& port) {
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number > 65535) return false;
  port = static_cast<uint16_t>(number);
  return true;
}

// Sets both ends from "LOW-HIGH". Returns the error, or an empty string.
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
  return dataplane::ParseIpAddress(text)
             ? ""
             : absl::StrCat("\"", text, "\" is no IP address");
}

// An IP address, or a name: no port, no brackets, nothing that a URL or a shell
// would take for something else.
std::string CheckAdvertisedAddress(const std::string& text) {
  const bool is_name = !text.empty() && std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
           c == '-' || c == '_';
  });
  if (is_name || CheckDataAddress(text).empty()) return "";
  return absl::StrCat("\"", text,
                      "\" is neither an IP address nor a name; write it "
                      "without a port");
}

// "IP:PORT".
std::string CheckIpAndPort(const std::string& text, const char* example) {
  const std::optional<HostPort> address = ParseHostPort(text);
  if (!address || !CheckDataAddress(address->host).empty()) {
    return absl::StrCat("\"", text,
                        "\" is no IP address and port; write it as ", example);
  }
  return "";
}

// An option that is one of a few words, in any case, and sets `value`.
template <class Value>
void AddChoice(CLI::App& app, const std::string& name, Value& value,
               const std::string& type, const std::string& words,
               const std::map<std::string, Value>& choices) {
  app.add_option_function<std::string>(
         name,
         [&value, name, words, choices](const std::string& text) {
           const auto choice = choices.find(absl::AsciiStrToLower(text));
           if (choice == choices.end()) {
             throw CLI::ValidationError(
                 name, absl::StrCat("\"", text, "\" is not ", words));
           }
           value = choice->second;
         },
         words)
      ->type_name(type);
}

}  // namespace

void AddControlFlags(CLI::App& app, ControlOptions& options) {
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
            "Watches, and calls that wait for a session, at a time", 1,
            100'000);
  add_limit("--max-sessions", options.max_sessions,
            "Sessions that are held, the finished ones included", 1, 1'000'000);
  add_limit("--max-receptions", options.max_receptions,
            "Receptions that are held, the finished ones included", 1,
            1'000'000);
  add_limit("--max-running-receptions", options.max_running_receptions,
            "Receptions that are not finished, each of which may take 16 MiB\n"
            "of memory",
            1, 10'000);
  add_limit("--max-upload-bytes", options.max_upload_bytes,
            "Memory for all uploads to sessions together", 64 << 20,
            int64_t{1} << 40);
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
         "How long a client may send nothing, or read no answer, that is due,\n"
         "or have no call on its connection")
      ->default_str("5m")
      ->type_name("TIME");
}

void AddSecurityFlags(CLI::App& app, SecurityOptions& options) {
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
         "viewer, peer or operator, by a client certificate's common name\n"
         "(cn:NAME) or alternative name (dns:NAME, uri:NAME); * is any\n"
         "other; may be repeated")
      ->type_name("NAME=ROLE")
      ->allow_extra_args(false);
  app.add_flag("--tls-require-client-cert", options.tls_require_client_cert,
               "Refuse clients without a certificate in the TLS handshake, as\n"
               "is always done where there is no --token-file");
  app.add_option("--token-file", options.token_file,
                 "Bearer tokens, a line NAME ROLE SHA256 for each")
      ->type_name("PATH");
}

void AddDataFlags(CLI::App& app, DataOptions& options) {
  app.add_option("--data-address", options.address,
                 "The address that sessions listen on unless they ask for "
                 "another")
      ->capture_default_str()
      ->type_name("IP")
      ->check(CheckDataAddress);
  app.add_option("--advertise-address", options.advertise_address,
                 "The address or name that recipients reach this host by;\n"
                 "default: its address on the default route")
      ->type_name("HOST")
      ->check(CheckAdvertisedAddress);
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
  // Without allow_extra_args(false), CLI11 reads "[a=/x,b=/y]" as two values.
  app.add_option(
         "--root", options.roots,
         "A directory to serve files from, and its name in the API; may "
         "be repeated")
      ->type_name("NAME=DIR")
      ->allow_extra_args(false);
  app.add_option(
         "--receive", options.writable_roots,
         "A directory to receive files into, and its name in the API; may "
         "be repeated")
      ->type_name("NAME=DIR")
      ->allow_extra_args(false);
  app.add_option(
         "--browse", options.browsable_roots,
         "A --root in which viewers may see the names of files too, not\n"
         "operators alone; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option(
         "--lanes", options.lanes,
         "Threads that send; 0: one for each core that affinity and the\n"
         "cgroup's CPU quota allow")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  app.add_option("--data-tls-cert", options.tls.cert,
                 "The certificate chain of sessions whose content is encrypted")
      ->type_name("PEM");
  app.add_option("--data-tls-key", options.tls.key, "That certificate's key")
      ->type_name("PEM");
  app.add_option("--data-tls-client-ca", options.tls.client_ca,
                 "Who signs the certificates of those sessions' recipients,\n"
                 "which need one then")
      ->type_name("PEM");
  app.add_flag(
      "--data-tls-kernel", options.tls.in_kernel,
      "Let the kernel encrypt their content where it can (kTLS): new,\n"
      "and for less than 300 GiB to a recipient");
}

void AddPeerFlags(CLI::App& app, PeerOptions& options) {
  app.add_option("--peer-address", options.address,
                 "Where other nodes call this one, to receive from it what it\n"
                 "sends or receives; default: they cannot")
      ->type_name("IP:PORT")
      ->check([](const std::string& text) {
        return CheckIpAndPort(text, "192.0.2.1:9877 or [::]:9877");
      });
  app.add_option(
         "--peer-data-port", options.data_port,
         "The port of that IP on which they then get it; 0: any free one")
      ->capture_default_str()
      ->type_name("PORT");
  app.add_option("--peer-ca", options.ca,
                 "Who signs the certificates of the nodes that this one "
                 "receives\nfrom; default: they are called in clear text")
      ->type_name("PEM");
  app.add_option("--peer-token-file", options.token_file,
                 "The bearer token that this node shows them")
      ->type_name("PATH");
  app.add_flag("--peer-data-tls", options.data_tls,
               "Send content to other nodes, and receive it from them, in TLS\n"
               "alone, with the certificates that calls have; on all nodes or\n"
               "none");
}

void AddStateFlags(CLI::App& app, StateOptions& options) {
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

void AddHttpFlags(CLI::App& app, HttpOptions& options) {
  app.add_option("--http-address", options.address,
                 "Where /metrics, /healthz and /readyz are served over HTTP;\n"
                 "port 0 picks a free one")
      ->capture_default_str()
      ->type_name("IP:PORT")
      ->check([](const std::string& text) {
        return CheckIpAndPort(text, "127.0.0.1:9874 or [::1]:9874");
      });
  app.add_option("--http-host", options.hosts,
                 "A name by which that is reached, besides the host's own; *\n"
                 "is any; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_flag(
      "--status-page", options.status_page,
      "Show sessions, receptions, the fleet and peers' addresses there too,\n"
      "at /, to everybody who reaches it");
}

void AddConnectFlags(CLI::App& app, ConnectOptions& options) {
  app.add_flag("--http-api", options.enabled,
               "Serve the control API there too, as JSON and Protobuf (the\n"
               "Connect protocol); over TLS if the control port is");
  app.add_option("--http-api-origin", options.origins,
                 "An origin whose pages may call that from a browser, as\n"
                 "https://fleet.example; may be repeated")
      ->type_name("ORIGIN")
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        return IsOrigin(text)
                   ? std::string()
                   : absl::StrCat("\"", text,
                                  "\" is no origin; write it as browsers send "
                                  "it: https://fleet.example:8443");
      });
}

void AddLogFlags(CLI::App& app, LogOptions& options) {
  AddChoice<bool>(app, "--log-format", options.json, "FORMAT", "text or json",
                  {{"text", false}, {"json", true}});
  AddChoice<spdlog::level::level_enum>(app, "--log-level", options.level,
                                       "LEVEL", "debug, info, warning or error",
                                       {{"debug", spdlog::level::debug},
                                        {"info", spdlog::level::info},
                                        {"warning", spdlog::level::warn},
                                        {"error", spdlog::level::err}});
}

}  // namespace tcptool::server
