#include "client/tcptoolctl/receive_flags.h"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "client/tcptoolctl/flag_values.h"

namespace tcptool {
namespace {

// "HOST:PORT/sessions/ID" or "HOST:PORT/receptions/ID": the address and the
// name. The name is empty: it is none of the two.
Pair SplitNode(const std::string& text) {
  const Pair pair = SplitPair(text, '/');
  const bool is_node = absl::StartsWith(pair.second, "sessions/") ||
                       absl::StartsWith(pair.second, "receptions/");
  return is_node ? pair : Pair();
}

void SetSource(v1::ReceptionSpec& spec, const std::string& text) {
  const Pair node = SplitNode(text);
  if (node.second.empty()) {
    return spec.mutable_sender()->set_address(text);
  }
  spec.mutable_node()->set_address(node.first);
  spec.mutable_node()->set_name(node.second);
}

void AddFallback(v1::ReceptionSpec& spec, const std::string& text) {
  const Pair node = SplitNode(text);
  if (!spec.has_node() || node.second.empty()) {
    throw CLI::ValidationError("--fallback",
                               "it goes with --from SERVER/sessions/ID or "
                               "SERVER/receptions/ID, and is "
                               "written as that is");
  }
  v1::FallbackNode& fallback = *spec.mutable_node()->add_fallbacks();
  fallback.set_address(node.first);
  fallback.set_name(node.second);
}

}  // namespace

void AddReceiveFlags(CLI::App& command, ReceiveFlags& flags) {
  v1::ReceptionSpec* spec = flags.request.mutable_reception()->mutable_spec();
  command
      .add_option_function<std::string>(
          "--from", [spec](const std::string& text) { SetSource(*spec, text); },
          "The sender; [ADDRESS]:PORT for an address of IPv6. Or what another "
          "node\nhas: HOST:PORT/sessions/ID, HOST:PORT/receptions/ID, where "
          "the "
          "port is of\nits --peer-address")
      ->required()
      ->type_name("HOST:PORT|NODE");
  command
      .add_option_function<std::vector<std::string>>(
          "--fallback",
          [spec](const std::vector<std::string>& all) {
            for (const std::string& text : all) AddFallback(*spec, text);
          },
          "Another node with the same content; may be repeated")
      ->type_name("NODE")
      ->allow_extra_args(false);
  AddDestination(
      command, "--to",
      "The file to receive into, below one of the node's writable roots",
      spec->mutable_destination());
  command.add_flag_callback(
      "--start",
      [spec] {
        if (spec->has_node()) {
          spec->mutable_node()->set_send_start_byte(true);
        } else {
          spec->mutable_sender()->set_send_start_byte(true);
        }
      },
      "Have the sender start at once");
  AddDuration(command, "--wait", absl::ZeroDuration(), absl::Hours(8760),
              "How long to go on trying until the sender is up; default for a\n"
              "node: 1m, also after each loss",
              [spec] {
                return spec->has_node()
                           ? spec->mutable_node()->mutable_wait()
                           : spec->mutable_sender()->mutable_wait();
              });
  command
      .add_option("--sha256", *spec->mutable_expected_sha256(),
                  "The content's SHA-256; nothing else is taken")
      ->type_name("HEX");
  command.add_flag_callback(
      "--compute-sha256", [spec] { spec->set_compute_sha256(true); },
      "Compute the content's SHA-256 and show it; --sha256 does so as well");
  command
      .add_option("--reception-id", *flags.request.mutable_reception_id(),
                  "The reception's name; default: the service makes one up")
      ->type_name("ID");
  command
      .add_option("--request-id", *flags.request.mutable_request_id(),
                  "The same id makes the same reception, when a script tries "
                  "again")
      ->type_name("ID");
  AddWatchOrValidate(command, "reception", flags.watch,
                     [&flags] { flags.request.set_validate_only(true); });
}

}  // namespace tcptool
