#include "client/tcptoolctl/spec_flags.h"

#include <google/protobuf/util/json_util.h>

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/api/read_file.h"
#include "client/tcptoolctl/expect_flag.h"
#include "client/tcptoolctl/flag_values.h"
#include "client/tcptoolctl/reception_commands.h"

namespace tcptool {
namespace {

constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr absl::Duration kYear = absl::Hours(8760);

// Reads a SessionSpec in JSON.
Check ReadSpec(v1::SessionSpec* spec) {
  return [spec](const std::string& path) -> std::string {
    const absl::StatusOr<std::string> json = ReadFile(path);
    if (!json.ok()) return std::string(json.status().message());
    const auto status =
        google::protobuf::util::JsonStringToMessage(*json, spec);
    if (status.ok()) return "";
    return absl::StrCat(path,
                        " is no SessionSpec: ", std::string(status.message()));
  };
}

void SetLength(v1::SessionSpec& spec, int64_t length) {
  if (spec.has_upload()) return spec.mutable_upload()->set_length(length);
  if (spec.has_file()) return spec.mutable_file()->set_length(length);
  throw CLI::ValidationError("--length", "it goes with --file or --stdin");
}

// `hex`: empty, any.
void SetSha256(v1::SessionSpec& spec, const std::string& hex) {
  if (hex.empty()) return spec.set_compute_sha256(true);
  if (spec.has_upload()) {
    return spec.mutable_upload()->set_expected_sha256(hex);
  }
  if (spec.has_file()) return spec.mutable_file()->set_expected_sha256(hex);
  throw CLI::ValidationError(
      "--sha256",
      "it has a value with --file or --stdin alone; give it to the "
      "reception");
}

void AddSource(CLI::App& command, CreateFlags& flags) {
  v1::SessionSpec* spec = flags.request.mutable_session()->mutable_spec();
  CLI::Option_group& sources =
      *command.add_option_group("Source", "Where the content comes from");
  sources.require_option(1, 0);
  // Must be the first option, as CLI11 processes options in the order of their
  // definition: the others change what is read here.
  sources
      .add_option("--spec",
                  "Read the session's SessionSpec from a file, as JSON; other "
                  "flags change it, or add to its lists")
      ->type_name("FILE")
      ->check(ReadSpec(spec));
  const auto set_file = [spec](const std::string& text) {
    const Pair pair = SplitPair(text, '/');
    spec->mutable_file()->set_root(pair.first);
    spec->mutable_file()->set_path(pair.second);
  };
  CLI::Option* file =
      sources
          .add_option_function<std::string>(
              "--file", set_file, "Send a file below one of the node's roots")
          ->type_name("ROOT/PATH")
          ->check(IsPair('/', "ROOT/PATH"));
  const auto set_reception = [spec](const std::string& name) {
    spec->mutable_reception()->set_name(
        IsReception(name) ? name : absl::StrCat("receptions/", name));
  };
  CLI::Option* reception =
      sources
          .add_option_function<std::string>(
              "--reception", set_reception,
              "Send what a reception of the node receives, while it comes, or "
              "has received")
          ->type_name("ID")
          ->excludes(file);
  sources
      .add_flag_callback(
          "--stdin",
          [&flags, spec] {
            flags.from_stdin = true;
            spec->mutable_upload();
          },
          "Upload standard input, as fast as the recipients take it")
      ->excludes(file)
      ->excludes(reception);
  // Behind the sources in the order in which CLI11 processes options, which is
  // that of groups: what they set depends on the source.
  CLI::Option_group& content = *command.add_option_group(
      "Content", "Which part of it, and what it has to be");
  AddNumber(content, "--offset", kMaxInt64,
            "Where in the file to begin, in bytes",
            [spec](int64_t n) { spec->mutable_file()->set_offset(n); })
      ->needs(file);
  AddNumber(content, "--length", kMaxInt64,
            "How many bytes of the file to send, default: all to its end; or\n"
            "how many standard input has to have",
            [spec](int64_t n) { SetLength(*spec, n); });
  content
      .add_option_function<std::string>(
          "--sha256", [spec](const std::string& hex) { SetSha256(*spec, hex); },
          "Compute the content's SHA-256; and send nothing that has another "
          "one,\nif there is a value")
      ->type_name("[HEX]")
      ->expected(0, 1);
}

void AddRecipients(CLI::App& command, v1::SessionSpec* spec) {
  command
      .add_option_function<std::string>(
          "--bind",
          [spec](const std::string& address) {
            spec->mutable_listener()->set_bind_address(address);
          },
          "The node's address to listen on; default: the node's data address")
      ->type_name("ADDR");
  AddNumber(command, "--port", 65535,
            "The port to listen on; default: a free one", [spec](int64_t n) {
              spec->mutable_listener()->set_port(static_cast<int32_t>(n));
            });
  AddNumber(
      command, "--max-recipients", kMaxInt32,
      "Start with this many recipients, and take no more",
      [spec](int64_t n) { spec->set_max_recipients(static_cast<int32_t>(n)); });
  AddList(command, "--allow", "RULE",
          "Who may connect: an address, ADDR/BITS or ADDR/MASK",
          [spec](const std::string& rule) { spec->add_allow(rule); });
  AddExpect(command, "A recipient to wait for",
            [spec] { return spec->add_expected(); });
  command.add_flag_callback(
      "--encrypt", [spec] { spec->mutable_encryption(); },
      "Send the content in TLS, with the node's certificate for it");
  AddList(
      command, "--client-name", "IDENTITY",
      "Who may connect, by a name of its certificate: cn:NAME, dns:NAME or\n"
      "uri:NAME; implies --encrypt",
      [spec](const std::string& name) {
        spec->mutable_encryption()->add_client_names(name);
      });
}

void AddStart(CLI::App& command, v1::SessionSpec* spec) {
  command.add_flag_callback(
      "--immediate", [spec] { spec->mutable_start()->set_immediate(true); },
      "Serve each recipient as it connects");
  command.add_flag_callback(
      "--end-when-expected-delivered",
      [spec] { spec->mutable_start()->set_end_when_expected_delivered(true); },
      "With --immediate: end when all --expect have the content");
  command.add_flag_callback(
      "--ignore-start-byte",
      [spec] { spec->mutable_start()->set_ignore_start_byte(true); },
      "Do not let a recipient start the session");
  AddNumber(
      command, "--min-recipients", kMaxInt32,
      "Start with this many recipients once --max-wait has passed",
      [spec](int64_t n) {
        spec->mutable_start()->set_min_recipients(static_cast<int32_t>(n));
      });
  AddDuration(command, "--max-wait", absl::ZeroDuration(), kYear,
              "How long to wait for recipients; default: until another "
              "condition starts the session",
              [spec] { return spec->mutable_start()->mutable_max_wait(); });
}

void AddLimits(CLI::App& command, v1::SessionSpec* spec) {
  constexpr absl::Duration kLeast = absl::Milliseconds(100);
  AddDuration(command, "--handshake-timeout", kLeast, absl::Hours(1),
              "How long a recipient may take to send its start byte", [spec] {
                return spec->mutable_limits()->mutable_handshake_timeout();
              });
  AddDuration(command, "--stall-timeout", kLeast, absl::Hours(24),
              "How long a recipient may acknowledge next to nothing", [spec] {
                return spec->mutable_limits()->mutable_stall_timeout();
              });
  AddDuration(
      command, "--acknowledge-timeout", kLeast, absl::Hours(24),
      "How long it may acknowledge next to nothing of the last bytes",
      [spec] { return spec->mutable_limits()->mutable_acknowledge_timeout(); });
  AddDuration(
      command, "--confirm-timeout", kLeast, absl::Hours(24),
      "How long it may take to close once it has acknowledged all",
      [spec] { return spec->mutable_limits()->mutable_confirm_timeout(); });
  AddDuration(command, "--dead-timeout", absl::Seconds(1), absl::Hours(24),
              "How long its host may leave what it is sent unanswered", [spec] {
                return spec->mutable_limits()->mutable_dead_timeout();
              });
  AddNumber(
      command, "--max-lag-bytes", kMaxInt64,
      "How far a recipient may be behind the fastest, in bytes",
      [spec](int64_t n) { spec->mutable_limits()->set_max_lag_bytes(n); });
  AddNumber(command, "--recipient-rate", kMaxInt64,
            "Bytes per second to each recipient at most", [spec](int64_t n) {
              spec->mutable_limits()->set_recipient_bytes_per_second(n);
            });
  AddNumber(command, "--session-rate", kMaxInt64,
            "Bytes per second to all recipients together at most",
            [spec](int64_t n) {
              spec->mutable_limits()->set_session_bytes_per_second(n);
            });
}

void AddLifetime(CLI::App& command, v1::SessionSpec* spec) {
  AddDuration(command, "--expire-after", absl::Seconds(1), kYear,
              "End the session if it has not started by then",
              [spec] { return spec->mutable_expire_after(); });
  AddDuration(command, "--retention", absl::Seconds(1), kYear,
              "How long to remember the session after its end",
              [spec] { return spec->mutable_retention(); });
  AddLabels(command, "A label for the session", [spec](const Pair& label) {
    (*spec->mutable_labels())[label.first] = label.second;
  });
}

}  // namespace

void AddCreateFlags(CLI::App& command, CreateFlags& flags) {
  v1::SessionSpec* spec = flags.request.mutable_session()->mutable_spec();
  AddSource(command, flags);
  AddRecipients(command, spec);
  AddStart(command, spec);
  AddLimits(command, spec);
  AddLifetime(command, spec);
  command
      .add_option("--session-id", *flags.request.mutable_session_id(),
                  "The session's name; default: the service makes one up")
      ->type_name("ID");
  command
      .add_option("--request-id", *flags.request.mutable_request_id(),
                  "The same id makes the same session, when a script tries "
                  "again")
      ->type_name("ID");
  AddWatchOrValidate(command, "session", flags.watch,
                     [&flags] { flags.request.set_validate_only(true); });
}

}  // namespace tcptool
