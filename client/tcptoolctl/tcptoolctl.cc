// tcptoolctl: the command line of the control API.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/api/channel.h"
#include "client/api/client.h"
#include "client/tcptoolctl/render.h"
#include "client/tcptoolctl/spec_flags.h"
#include "client/tcptoolctl/watch_view.h"
#include "version.h"

namespace tcptool {
namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;

// How soon the end of a session is noticed while standard input is silent.
constexpr int kPollMillis = 200;

// The most that an unprivileged user may ask for (pipe(7)).
constexpr int kPipeBytes = 1 << 20;

struct Options {
  ChannelOptions channel;
  std::string token_file;
  std::string output = "table";
  std::string timeout = "30s";
  CreateFlags create;
  std::string name;
  bool force = false;
};

bool IsJson(const Options& options) { return options.output == "json"; }

// A subcommand's work, after the command line was found to be right.
using Command = absl::Status (*)(Client&, const Options&);

std::string CheckServer(const std::string& text) {
  if (absl::StartsWith(text, "unix:") && text.size() > 5) return "";
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon != std::string::npos && colon != 0 &&
      absl::SimpleAtoi(text.substr(colon + 1), &port) && port > 0 &&
      port <= 65535) {
    return "";
  }
  return absl::StrCat("\"", text,
                      "\" is no address; write it as 127.0.0.1:9875 or "
                      "unix:/run/tcptool/control.sock");
}

std::string SessionName(const std::string& name) {
  return absl::StartsWith(name, "sessions/") ? name
                                             : absl::StrCat("sessions/", name);
}

// "sessions/S/recipients/R" of itself, or of "S/R".
std::string RecipientName(const std::string& name) {
  if (absl::StartsWith(name, "sessions/")) return name;
  const std::pair<std::string, std::string> ids =
      absl::StrSplit(name, absl::MaxSplits('/', 1));
  return absl::StrCat("sessions/", ids.first, "/recipients/", ids.second);
}

absl::Status PrintSession(const absl::StatusOr<v1::Session>& session,
                          const Options& options) {
  if (!session.ok()) return session.status();
  std::cout << (IsJson(options) ? Json(*session) + "\n"
                                : SessionDetails(*session));
  return absl::OkStatus();
}

WatchView::Size TerminalSize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 ||
      size.ws_col == 0) {
    return {.rows = 24, .columns = 80};
  }
  return {.rows = size.ws_row, .columns = size.ws_col};
}

WatchView::Style StyleOf(const Options& options) {
  if (IsJson(options)) return WatchView::Style::kJson;
  return isatty(STDOUT_FILENO) ? WatchView::Style::kScreen
                               : WatchView::Style::kLines;
}

// Until the session is final; an error unless it has SUCCEEDED.
absl::Status WatchToEnd(Client& client, const std::string& name,
                        const Options& options) {
  v1::WatchSessionsRequest request;
  request.add_names(name);
  request.set_include_recipients(true);
  WatchView view(StyleOf(options), std::cout, TerminalSize);
  const absl::Status status = client.WatchSessions(
      request, [&view](const v1::WatchSessionsResponse& response) {
        return view.Update(response, absl::Now());
      });
  if (!status.ok()) return status;
  const absl::StatusOr<v1::Session> session = view.Result();
  if (!session.ok()) return session.status();
  if (session->state() == v1::SESSION_STATE_SUCCEEDED) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      name, " ended as ", StateName(session->state()),
      session->error().empty() ? "" : ": ", Printable(session->error())));
}

absl::StatusOr<size_t> ReadStdin(char* buffer, size_t size,
                                 const std::stop_token& stop) {
  pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  while (!stop.stop_requested()) {
    const int ready = poll(&input, 1, kPollMillis);
    if (ready == 0) continue;
    const ssize_t count = ready < 0 ? -1 : read(STDIN_FILENO, buffer, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR && errno != EAGAIN) {
      return absl::ErrnoToStatus(errno, "cannot read standard input");
    }
  }
  return absl::CancelledError("the session ended before standard input did");
}

absl::Status UploadStdin(Client& client, const std::string& name,
                         const std::stop_token& stop) {
  // What comes through a pipe comes in fewer, larger pieces. Fails where it is
  // none, or where the user has too many such pipes: then it is only slower.
  fcntl(STDIN_FILENO, F_SETPIPE_SZ, kPipeBytes);
  const absl::Status status =
      client
          .UploadContent(name,
                         [&stop](char* buffer, size_t size) {
                           return ReadStdin(buffer, size, stop);
                         })
          .status();
  // Without its content the session is of no use; if the upload did not even
  // begin, the service would wait for it.
  if (!status.ok()) client.CancelSession(name).IgnoreError();
  return status;
}

absl::Status UploadAndWatch(Client& client, const std::string& name,
                            const Options& options) {
  absl::Status uploaded;
  absl::Status watched;
  {
    const std::jthread upload([&](const std::stop_token& stop) {
      uploaded = UploadStdin(client, name, stop);
    });
    watched = WatchToEnd(client, name, options);
  }
  // Where both failed, the session's end says more.
  return watched.ok() ? uploaded : watched;
}

absl::Status Create(Client& client, const Options& options) {
  const absl::StatusOr<v1::Session> session =
      client.CreateSession(options.create.request);
  if (!session.ok()) return session.status();
  if (IsJson(options)) {
    std::cout << Json(*session) << std::endl;
  } else {
    // Flushed: whoever reads it brings the recipients.
    std::cout << "session: " << session->name()
              << "\naddress: " << session->data_endpoint() << std::endl;
  }
  const std::string& name = session->name();
  if (options.create.from_stdin && options.create.watch) {
    return UploadAndWatch(client, name, options);
  }
  if (options.create.from_stdin) return UploadStdin(client, name, {});
  if (options.create.watch) return WatchToEnd(client, name, options);
  return absl::OkStatus();
}

absl::Status Get(Client& client, const Options& options) {
  return PrintSession(client.GetSession(SessionName(options.name)), options);
}

absl::Status List(Client& client, const Options& options) {
  const auto sessions = client.ListSessions();
  if (!sessions.ok()) return sessions.status();
  if (IsJson(options)) {
    v1::ListSessionsResponse list;
    list.mutable_sessions()->Assign(sessions->begin(), sessions->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << SessionTable(*sessions, absl::Now());
  }
  return absl::OkStatus();
}

absl::Status Watch(Client& client, const Options& options) {
  return WatchToEnd(client, SessionName(options.name), options);
}

absl::Status Start(Client& client, const Options& options) {
  return PrintSession(client.StartSession(SessionName(options.name)), options);
}

absl::Status Cancel(Client& client, const Options& options) {
  return PrintSession(client.CancelSession(SessionName(options.name)), options);
}

absl::Status Delete(Client& client, const Options& options) {
  return client.DeleteSession(SessionName(options.name), options.force);
}

absl::Status Recipients(Client& client, const Options& options) {
  const auto recipients = client.ListRecipients(SessionName(options.name));
  if (!recipients.ok()) return recipients.status();
  if (IsJson(options)) {
    v1::ListRecipientsResponse list;
    list.mutable_recipients()->Assign(recipients->begin(), recipients->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << RecipientTable(*recipients);
  }
  return absl::OkStatus();
}

absl::Status Drop(Client& client, const Options& options) {
  const auto recipient = client.DropRecipient(RecipientName(options.name));
  if (!recipient.ok()) return recipient.status();
  std::cout << (IsJson(options) ? Json(*recipient) + "\n"
                                : RecipientTable({*recipient}));
  return absl::OkStatus();
}

absl::Status Node(Client& client, const Options& options) {
  const auto node = client.GetNode();
  if (!node.ok()) return node.status();
  std::cout << (IsJson(options) ? Json(*node) + "\n" : NodeDetails(*node));
  return absl::OkStatus();
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

void AddName(CLI::App* command, Options& options) {
  command->add_option("NAME", options.name, "The session: ID or sessions/ID")
      ->required()
      ->type_name("");
}

void AddCommands(CLI::App& app, Options& options, Command& chosen) {
  AddCreateFlags(*AddCommand(app, "create", "Make a session", Create, chosen),
                 options.create);
  AddName(AddCommand(app, "get", "Show a session", Get, chosen), options);
  AddCommand(app, "list", "List all sessions, the newest first", List, chosen);
  AddName(
      AddCommand(app, "watch", "Follow a session to its end", Watch, chosen),
      options);
  AddName(AddCommand(app, "start", "Start a session with who is there", Start,
                     chosen),
          options);
  AddName(AddCommand(app, "cancel", "End a session", Cancel, chosen), options);
  CLI::App* remove =
      AddCommand(app, "delete", "Forget a finished session", Delete, chosen);
  AddName(remove, options);
  remove->add_flag("--force", options.force,
                   "Cancel it first if it is not finished");
  AddName(AddCommand(app, "recipients", "List a session's recipients",
                     Recipients, chosen),
          options);
  AddCommand(app, "node", "Show the service's node", Node, chosen);
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
  return command(client, options);
}

int Main(int argc, char** argv) {
  Options options;
  Command command = nullptr;
  CLI::App app("Makes, follows and ends the sessions of a tcptoold.",
               "tcptoolctl");
  AddGlobalFlags(app, options);
  AddCommands(app, options, command);
  try {
    app.parse(argc, argv);
    // Asked for here, as the parser would rather miss a subcommand than name
    // the word that is none.
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
  if (status.ok()) return 0;
  std::cerr << "tcptoolctl: " << app.get_subcommands().front()->get_name()
            << ": " << absl::StatusCodeToString(status.code()) << ": "
            << Printable(status.message()) << '\n';
  return kFailed;
}

}  // namespace
}  // namespace tcptool

int main(int argc, char** argv) { return tcptool::Main(argc, argv); }
