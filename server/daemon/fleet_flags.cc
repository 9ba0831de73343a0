#include <google/protobuf/map.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/api/spec_checker.h"
#include "server/daemon/flags.h"
#include "server/fleet/state/fleet_keys.h"
#include "text/characters.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

// Above any link; CLI11 takes a number that no int64_t can hold for the largest
// that can.
constexpr int64_t kMaxRate = int64_t{1} << 50;

// As many distributions as a fleet has.
constexpr int kMaxDeliveries = 1000;

std::string CheckName(const std::string& text) {
  if (fleet::IsFleetName(text)) return "";
  return absl::StrCat("\"", text,
                      "\" is no name of 1 to 64 letters, digits, '.', '-' and "
                      "'_', the first a letter or a digit");
}

std::string CheckEndpoint(const std::string& text) {
  const auto address = ParseHostPort(text);
  if (absl::StartsWith(text, "unix:") || (address && address->port != 0)) {
    return "";
  }
  return absl::StrCat("\"", text,
                      "\" is no address of etcd's; write it as "
                      "etcd-1.example:2379");
}

std::string CheckRack(const std::string& text) {
  // Others could not read the node's registration.
  if (ToUtf8(text) != text) return "it is not UTF-8";
  if (text.size() <= SpecChecker::kMaxLabelBytes) return "";
  return absl::StrCat("it is longer than ", SpecChecker::kMaxLabelBytes,
                      " bytes");
}

using Label = std::pair<std::string, std::string>;

Label ToLabel(const std::string& text) {
  return absl::StrSplit(text, absl::MaxSplits('=', 1));
}

// As distributions may choose nodes by.
std::string CheckLabel(const std::string& text) {
  if (!absl::StrContains(text, '=')) {
    return absl::StrCat("\"", text, "\" is not KEY=VALUE");
  }
  const Label label = ToLabel(text);
  SpecChecker check("");
  check.Labels("labels", google::protobuf::Map<std::string, std::string>(
                             &label, &label + 1));
  return std::string(absl::StripPrefix(check.status().message(), "labels: "));
}

}  // namespace

void AddFleetFlags(CLI::App& app, fleet::FleetOptions& options) {
  app.add_option(
         "--fleet", options.fleet,
         "The fleet that this node is in, whose nodes pass contents on\n"
         "to one another; default: none")
      ->type_name("NAME")
      ->check(CheckName);
  app.add_option("--node", options.node,
                 "This node's name in the fleet, which no other node has")
      ->type_name("NAME")
      ->check(CheckName);
  app.add_option("--etcd", options.etcd,
                 "A member of the etcd that has the fleet's plans; may be "
                 "repeated")
      ->type_name("HOST:PORT")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CheckEndpoint);
  app.add_option("--etcd-tls-ca", options.etcd_tls_ca,
                 "Who signs its members' certificates; default, without the\n"
                 "next two: they are called in clear text")
      ->type_name("PEM");
  app.add_option("--etcd-tls-cert", options.etcd_tls_cert,
                 "The certificate that this node shows to them")
      ->type_name("PEM");
  app.add_option("--etcd-tls-key", options.etcd_tls_key,
                 "The certificate's key")
      ->type_name("PEM");
  app.add_option("--rack", options.rack,
                 "Where the node is: nodes of one rack are near each other")
      ->type_name("NAME")
      ->check(CheckRack);
  app.add_option(
         "--egress", options.egress_bytes_per_second,
         "Bytes a second that it sends to other nodes in all, at most.\n"
         "0: as much as its link takes")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, kMaxRate));
  app.add_option("--max-deliveries", options.max_deliveries,
                 "How many distributions are received at a time; the others\n"
                 "wait in the order in which they were made")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, kMaxDeliveries));
  app.add_option_function<std::vector<std::string>>(
         "--label",
         [&options](const std::vector<std::string>& labels) {
           for (const std::string& label : labels) {
             options.labels.insert(ToLabel(label));
           }
         },
         "What distributions may choose the node by; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check(CheckLabel);
}

}  // namespace tcptool::server
