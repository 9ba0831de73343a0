// tcptoolctl: the command line of the control API.
#include <grpc/support/log.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/api/channel.h"
#include "client/api/client.h"
#include "client/tcptoolctl/commands.h"
#include "client/tcptoolctl/distribute_flags.h"
#include "client/tcptoolctl/error_text.h"
#include "client/tcptoolctl/event_lines.h"
#include "client/tcptoolctl/flag_values.h"
#include "client/tcptoolctl/json.h"
#include "client/tcptoolctl/list_flags.h"
#include "client/tcptoolctl/receive_flags.h"
#include "client/tcptoolctl/spec_flags.h"
#include "process/standard_descriptors.h"
#include "text/host_port.h"
#include "version.h"

namespace tcptool {
namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;

std::string CheckServer(const std::string& text) {
  if (absl::StartsWith(text, "unix:") && text.size() > 5) return "";
  const std::optional<HostPort> address = ParseHostPort(text);
  if (address && address->port != 0) return "";
  return absl::StrCat("\"", text,
                      "\" is no address; write it as 127.0.0.1:9875, "
                      "[::1]:9875 or unix:/run/tcptoold/control.sock");
}

void AddSecurityFlags(CLI::App& app, Options& options) {
  ChannelOptions& channel = options.channel;
  app.add_flag("--tls", channel.tls,
               "Use TLS, and trust the system's authorities");
  const auto add_file = [&app](const std::string& flag, std::string& path,
                               const std::string& variable,
                               const std::string& description) {
    return app.add_option(flag, path, description)
        ->envname(variable)
        ->type_name("FILE");
  };
  add_file("--tls-ca", channel.tls_ca, "TCPTOOL_TLS_CA",
           "Use TLS, and trust these authorities (PEM)");
  add_file("--tls-cert", channel.tls_cert, "TCPTOOL_TLS_CERT",
           "Use TLS, and show this certificate (PEM)");
  add_file("--tls-key", channel.tls_key, "TCPTOOL_TLS_KEY",
           "The certificate's key (PEM)");
  app.add_option("--tls-server-name", channel.tls_server_name,
                 "Use TLS, and expect this name in the service's certificate")
      ->envname("TCPTOOL_TLS_SERVER_NAME")
      ->type_name("NAME");
  add_file("--token-file", options.token_file, "TCPTOOL_TOKEN_FILE",
           "Send the bearer token that this file holds");
}

void AddGlobalFlags(CLI::App& app, Options& options) {
  app.set_version_flag("--version",
                       absl::StrCat("tcptoolctl ", std::string(kVersion)));
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--server", options.channel.server,
                 "Where the control API is; or unix:PATH")
      ->capture_default_str()
      ->envname("TCPTOOL_SERVER")
      ->type_name("HOST:PORT")
      ->check(CheckServer);
  AddSecurityFlags(app, options);
  app.add_option("--output", options.output,
                 "table, for people, or json, an object a line")
      ->capture_default_str()
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}).description(""));
  app.add_option("--timeout", options.timeout, "How long a call may take")
      ->capture_default_str()
      ->type_name("DURATION")
      ->check(DurationIn(absl::Milliseconds(1), absl::Hours(24)));
}

// Sets `chosen` when the subcommand is on the command line.
CLI::App* AddCommand(CLI::App& app, const std::string& name,
                     const std::string& description, Command command,
                     Command& chosen) {
  return app.add_subcommand(name, description)
      ->fallthrough()  // --server, --output and --timeout may come after it.
      ->callback([command, &chosen] { chosen = command; });
}

// `what`: what the name is of.
void AddName(CLI::App* command, const std::string& what, Options& options) {
  command->add_option("NAME", options.name, what)->required()->type_name("");
}

void AddSessionName(CLI::App* command, Options& options) {
  AddName(command, "The session: ID or sessions/ID", options);
}

void AddDistributionName(CLI::App* command, Options& options) {
  AddName(command, "The distribution: ID or distributions/ID", options);
}

// Of a command that knows receptions and distributions too.
void AddAnyName(CLI::App* command, Options& options) {
  AddName(command,
          "The session: ID or sessions/ID; a reception: receptions/ID; or a\n"
          "distribution: distributions/ID",
          options);
}

// Of `retry`.
void AddRetryFlags(CLI::App* command, Options& options) {
  AddName(
      command,
      "The session: ID or sessions/ID; or a\ndistribution: distributions/ID",
      options);
  RetryFlags& flags = options.retry;
  command->add_flag("--stdin", flags.from_stdin, "Upload standard input again");
  command
      ->add_option("--request-id", flags.request_id,
                   "The same id makes the same session, when a script tries "
                   "again")
      ->type_name("ID");
  command->add_flag("--watch", flags.watch, "Then watch it until it is final");
}

void AddCommands(CLI::App& app, Options& options, Command& chosen) {
  AddCreateFlags(*AddCommand(app, "create", "Make a session", Create, chosen),
                 options.create);
  AddAnyName(
      AddCommand(app, "get", "Show a session, a reception or a distribution",
                 Get, chosen),
      options);
  AddSessionListFlags(
      *AddCommand(app, "list", "List sessions, the newest first", List, chosen),
      options.list);
  CLI::App* watch =
      AddCommand(app, "watch", "Follow one of them to its end", Watch, chosen);
  AddAnyName(watch, options);
  watch
      ->add_option("--exec", options.exec,
                   "At the end of each recipient of a session, run this in a "
                   "shell,\n"
                   "with TCPTOOL_ADDRESS, TCPTOOL_STATE and others in its "
                   "environment")
      ->type_name("COMMAND");
  AddCommand(app, "events", "Print all changes of all sessions, as JSON",
             Events, chosen)
      ->add_option("--resume", options.resume,
                   "Go on after this revision, or after those lines that this "
                   "file\n"
                   "has of an earlier run; default: begin with what there is")
      ->type_name("REVISION|FILE")
      ->check(WhyNoResume);
  CLI::App* wait = AddCommand(
      app, "wait", "Wait until a session has ended, and show it", Wait, chosen);
  AddSessionName(wait, options);
  wait->add_option("--for", options.wait,
                   "How long at most; default: until it has ended")
      ->type_name("DURATION")
      ->check(DurationIn(absl::ZeroDuration(), absl::Hours(8760)));
  AddSessionName(AddCommand(app, "start", "Start a session with who is there",
                            Start, chosen),
                 options);
  CLI::App* const update =
      AddCommand(app, "update", "Change a session", Update, chosen);
  AddSessionName(update, options);
  AddUpdateFlags(*update, options.update);
  AddAnyName(AddCommand(app, "cancel", "End one of them", Cancel, chosen),
             options);
  CLI::App* remove = AddCommand(
      app, "delete", "Forget one of them that is finished", Delete, chosen);
  AddAnyName(remove, options);
  remove->add_flag("--force", options.force,
                   "Cancel it first if it is not finished");
  remove->add_flag("--allow-missing", options.allow_missing,
                   "It is no error if there is none");
  AddRetryFlags(
      AddCommand(app, "retry", "Try a finished session, or distribution, again",
                 Retry, chosen),
      options);
  CLI::App* recipients = AddCommand(
      app, "recipients", "List a session's recipients", Recipients, chosen);
  AddSessionName(recipients, options);
  AddRecipientListFlags(*recipients, options.list);
  AddReceiveFlags(
      *AddCommand(app, "receive", "Receive a file from a sender onto the node",
                  Receive, chosen),
      options.receive);
  AddReceptionListFlags(
      *AddCommand(app, "receptions", "List receptions, the newest first",
                  Receptions, chosen),
      options.list);
  AddDistributeFlags(
      *AddCommand(app, "distribute",
                  "Have nodes of the fleet get a file, or standard input",
                  Distribute, chosen),
      options.distribute);
  AddDistributionListFlags(
      *AddCommand(app, "distributions", "List distributions, the newest first",
                  Distributions, chosen),
      options.list);
  AddDistributionName(AddCommand(app, "deliveries",
                                 "List who gets a distribution, and from whom",
                                 Deliveries, chosen),
                      options);
  AddNodeListFlags(
      *AddCommand(app, "nodes", "List the nodes of the fleet", Nodes, chosen),
      options.list);
  AddCommand(app, "node", "Show the service's node", Node, chosen);
  AddCommand(app, "files", "List what is below one of the node's roots", Files,
             chosen)
      ->add_option("PLACE", options.name, "ROOT or ROOT/PATH")
      ->required()
      ->type_name("");
  AddCommand(app, "drop", "Disconnect a recipient", Drop, chosen)
      ->add_option("NAME", options.name,
                   "The recipient: SESSION/RECIPIENT or "
                   "sessions/SESSION/recipients/RECIPIENT")
      ->required()
      ->type_name("")
      ->check([](const std::string& name) {
        return absl::StrContains(name, '/') ? ""
                                            : "write it as SESSION/RECIPIENT";
      });
  app.require_subcommand(0, 1);
}

absl::Status Run(Command command, const Options& options,
                 absl::Duration timeout) {
  const auto channel = NewChannel(options.channel);
  if (!channel.ok()) return channel.status();
  std::string token;
  if (!options.token_file.empty()) {
    auto read = ReadToken(options.token_file, options.channel);
    if (!read.ok()) return read.status();
    token = *std::move(read);
  }
  Client client(*channel, timeout, token);
  absl::Status status = command(client, options);
  // gRPC's words for a call that has not been answered.
  if (absl::IsDeadlineExceeded(status) &&
      status.message() == "Deadline Exceeded") {
    return absl::DeadlineExceededError(absl::StrCat(
        options.channel.server, " did not answer within ", options.timeout,
        ", and may still do what it was asked for; look whether tcptoold works "
        "there, or allow more time with --timeout"));
  }
  return WithMissingOption(status, options.channel);
}

// gRPC prints why a TLS handshake failed, once for each attempt; the call's
// status says it too. With $GRPC_VERBOSITY it prints what that asks for.
void KeepGrpcSilent() {
  if (std::getenv("GRPC_VERBOSITY") != nullptr) return;
  gpr_set_log_function([](gpr_log_func_args*) {});
}

int Main(int argc, char** argv) {
  ReserveStandardDescriptors();
  KeepGrpcSilent();
  Options options;
  Command command = nullptr;
  CLI::App app(
      "Makes, follows and ends the sessions, receptions and distributions of "
      "a\n"
      "tcptoold.",
      "tcptoolctl");
  AddGlobalFlags(app, options);
  AddCommands(app, options, command);
  try {
    app.parse(argc, argv);
    // Checked here: CLI11 would report a missing subcommand, and not name the
    // unknown word.
    if (command == nullptr) throw CLI::RequiredError("A subcommand");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  absl::Duration timeout;
  absl::ParseDuration(options.timeout, &timeout);  // The flag's check passed.
  absl::Status status = Run(command, options, timeout);
  if (!std::cout.flush() && status.ok()) {
    status = absl::UnknownError("cannot write standard output");
  }
  if (status.ok()) status = JsonStatus();
  if (status.ok()) return 0;
  if (options.output == "json") {
    std::cerr << ErrorJson(status);
  } else {
    std::cerr << "tcptoolctl: " << app.get_subcommands().front()->get_name()
              << ": " << ErrorText(status);
  }
  return kFailed;
}

}  // namespace
}  // namespace tcptool

int main(int argc, char** argv) { return tcptool::Main(argc, argv); }
