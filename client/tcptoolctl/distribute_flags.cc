#include "client/tcptoolctl/distribute_flags.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/tcptoolctl/flag_values.h"

namespace tcptool {
namespace {

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

// "NODE:ROOT/PATH": the node, and the root with the path.
std::string CheckFile(const std::string& text) {
  const Pair node = SplitPair(text, ':');
  const Pair file = SplitPair(node.second, '/');
  if (!node.first.empty() && !file.first.empty() && !file.second.empty()) {
    return "";
  }
  return absl::StrCat("\"", text, "\" is not of the form NODE:ROOT/PATH");
}

std::string CheckTargets(const std::string& text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, "label:")) return "";
  return IsPair('=', "label:KEY=VALUE")(std::string(rest));
}

void AddTargets(v1::DistributionTargets& targets, const std::string& text) {
  absl::string_view rest = text;
  if (text == "all") {
    targets.set_all(true);
  } else if (absl::ConsumePrefix(&rest, "rack=")) {
    targets.add_racks(std::string(rest));
  } else if (absl::ConsumePrefix(&rest, "label:")) {
    const Pair label = SplitPair(std::string(rest), '=');
    (*targets.mutable_labels())[label.first] = label.second;
  } else {
    for (const absl::string_view node : absl::StrSplit(rest, ',')) {
      targets.add_nodes(std::string(node));
    }
  }
}

void AddSource(CLI::App& command, DistributeFlags& flags) {
  v1::DistributionSpec* spec =
      flags.request.mutable_distribution()->mutable_spec();
  CLI::Option_group& sources =
      *command.add_option_group("Source", "Where the content comes from");
  sources.require_option(1);
  sources
      .add_option_function<std::string>(
          "--file",
          [spec](const std::string& text) {
            const Pair node = SplitPair(text, ':');
            const Pair file = SplitPair(node.second, '/');
            spec->mutable_file()->set_node(node.first);
            spec->mutable_file()->set_root(file.first);
            spec->mutable_file()->set_path(file.second);
          },
          "The file to distribute: the node that has it, below one of its "
          "roots")
      ->type_name("NODE:ROOT/PATH")
      ->check(CheckFile);
  CLI::Option* from_stdin = sources.add_flag_callback(
      "--stdin",
      [&flags, spec] {
        flags.from_stdin = true;
        spec->mutable_upload();
      },
      "Upload standard input to the node that is asked, from which the others\n"
      "get it while it comes");
  AddNumber(command, "--length", kMaxInt64,
            "How many bytes standard input has; others are not taken",
            [spec](int64_t length) {
              spec->mutable_upload()->set_expected_length(length);
            })
      ->needs(from_stdin);
  command
      .add_option_function<std::string>(
          "--sha256",
          [spec](const std::string& sha256) {
            spec->mutable_upload()->set_expected_sha256(sha256);
          },
          "The SHA-256 of standard input; nothing else is taken")
      ->type_name("HEX")
      ->needs(from_stdin);
}

}  // namespace

void AddDistributeFlags(CLI::App& command, DistributeFlags& flags) {
  v1::DistributionSpec* spec =
      flags.request.mutable_distribution()->mutable_spec();
  AddSource(command, flags);
  command
      .add_option_function<std::vector<std::string>>(
          "--to",
          [spec](const std::vector<std::string>& all) {
            for (const std::string& text : all) {
              AddTargets(*spec->mutable_targets(), text);
            }
          },
          "Who gets it: all, rack=RACK, label:KEY=VALUE or NODE,...; may be\n"
          "repeated, and of several labels a node has to have each")
      ->required()
      ->type_name("NODES")
      ->allow_extra_args(false)
      ->check(CheckTargets);
  AddDestination(
      command, "--as",
      "The file that each of them gets, below one of its writable roots",
      spec->mutable_destination());
  AddNumber(command, "--node-rate", kMaxInt64,
            "Bytes a second that each node sends to others of it, at most",
            [spec](int64_t rate) {
              spec->mutable_limits()->set_node_bytes_per_second(rate);
            });
  AddNumber(command, "--source-rate", kMaxInt64,
            "The same, of the node that has the file or gets the upload",
            [spec](int64_t rate) {
              spec->mutable_limits()->set_source_bytes_per_second(rate);
            });
  AddNumber(command, "--serve", 65535,
            "Each node also serves it to recipients that are no nodes, on this "
            "port\nor, without a value, on a free one of its own",
            [spec](int64_t port) {
              spec->mutable_serve()->set_port(static_cast<int32_t>(port));
            })
      ->type_name("[PORT]")
      ->expected(0, 1)
      ->default_str("0");
  AddDuration(command, "--expire-after", absl::Seconds(1), absl::Hours(8760),
              "How long to wait for nodes that lack it; default: for ever",
              [spec] { return spec->mutable_expire_after(); });
  AddLabels(command, "A label for the distribution", [spec](const Pair& label) {
    (*spec->mutable_labels())[label.first] = label.second;
  });
  command
      .add_option("--distribution-id", *flags.request.mutable_distribution_id(),
                  "The distribution's name; default: the service makes one up")
      ->type_name("ID");
  command
      .add_option("--request-id", *flags.request.mutable_request_id(),
                  "The same id makes the same distribution, when a script "
                  "tries again")
      ->type_name("ID");
  AddWatchOrValidate(command, "distribution", flags.watch,
                     [&flags] { flags.request.set_validate_only(true); });
}

}  // namespace tcptool
