#include "client/tcptoolctl/receive_flags.h"

#include <CLI/CLI.hpp>
#include <string>

#include "client/tcptoolctl/flag_values.h"

namespace tcptool {

void AddReceiveFlags(CLI::App& command, ReceiveFlags& flags) {
  v1::ReceptionSpec* spec = flags.request.mutable_reception()->mutable_spec();
  command
      .add_option("--from", *spec->mutable_sender()->mutable_address(),
                  "The sender; [ADDRESS]:PORT for an address of IPv6")
      ->required()
      ->type_name("HOST:PORT");
  command
      .add_option_function<std::string>(
          "--to",
          [spec](const std::string& text) {
            const Pair pair = SplitPair(text, '/');
            spec->mutable_destination()->set_root(pair.first);
            spec->mutable_destination()->set_path(pair.second);
          },
          "The file to receive into, below one of the node's writable roots")
      ->required()
      ->type_name("ROOT/PATH")
      ->check(IsPair('/', "ROOT/PATH"));
  command.add_flag_callback(
      "--overwrite",
      [spec] { spec->mutable_destination()->set_overwrite(true); },
      "Replace the file if it exists, once the whole content is there");
  command.add_flag_callback(
      "--start", [spec] { spec->mutable_sender()->set_send_start_byte(true); },
      "Have the sender start at once");
  AddDuration(command, "--wait", absl::ZeroDuration(), absl::Hours(8760),
              "How long to go on trying until the sender is up",
              [spec] { return spec->mutable_sender()->mutable_wait(); });
  command
      .add_option("--sha256", *spec->mutable_expected_sha256(),
                  "The content's SHA-256; nothing else is taken")
      ->type_name("HEX");
  command
      .add_option("--reception-id", *flags.request.mutable_reception_id(),
                  "The reception's name; default: the service makes one up")
      ->type_name("ID");
  command
      .add_option("--request-id", *flags.request.mutable_request_id(),
                  "The same id makes the same reception, when a script tries "
                  "again")
      ->type_name("ID");
  command.add_flag("--watch", flags.watch,
                   "Then watch the reception until it is final");
}

}  // namespace tcptool
