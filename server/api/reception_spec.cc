#include "server/api/reception_spec.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/api/names.h"
#include "server/api/spec_checker.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

constexpr absl::Duration kYear = absl::Hours(8760);
// As long as a name of DNS can be.
constexpr size_t kMaxHostBytes = 253;
constexpr size_t kMaxCertificateNameBytes = 255;
constexpr int kMostFallbacks = 8;

// False: it is no address that can be dialled.
bool SplitAddress(const std::string& text, dataplane::DialTarget& target) {
  const std::optional<HostPort> address = ParseHostPort(text);
  if (!address || address->port == 0 || address->host.size() > kMaxHostBytes) {
    return false;
  }
  target.host = address->host;
  target.port = absl::StrCat(address->port);
  return true;
}

absl::Duration CheckWait(const std::string& field, auto& source,
                         absl::Duration otherwise, SpecChecker& check) {
  using Source = std::remove_reference_t<decltype(source)>;
  return check.InRange(field, source, &Source::has_wait, &Source::mutable_wait,
                       otherwise, absl::ZeroDuration(), kYear);
}

// `source`: a NodeSource or a FallbackNode.
void CheckNode(const std::string& field, const auto& source, NodePlan& plan,
               SpecChecker& check) {
  const std::string& name = source.name();
  NodePlan::Node node = {.name = name,
                         .certificate_name = source.certificate_name()};
  if (!SplitAddress(source.address(), node.target)) {
    check.Wrong(absl::StrCat(field, ".address"),
                absl::StrCat("\"", source.address(),
                             "\" is no host and port; write it as "
                             "node-1.example:9877 or [2001:db8::1]:9877"));
  }
  if (!IsSessionName(name) && !IsReceptionName(name) &&
      !IsDistributionName(name)) {
    check.Wrong(absl::StrCat(field, ".name"),
                absl::StrCat("\"", name,
                             "\" is neither sessions/{session} nor "
                             "receptions/{reception} nor "
                             "distributions/{distribution}"));
  }
  if (node.certificate_name.size() > kMaxCertificateNameBytes) {
    check.Wrong(absl::StrCat(field, ".certificate_name"),
                absl::StrCat("it has ", node.certificate_name.size(),
                             " bytes; at most ", kMaxCertificateNameBytes,
                             " are allowed"));
  }
  plan.nodes.push_back(std::move(node));
}

void CheckNodes(v1::NodeSource& source, NodePlan& plan, SpecChecker& check) {
  CheckNode("node", source, plan, check);
  if (source.fallbacks_size() > kMostFallbacks) {
    check.Wrong("node.fallbacks",
                absl::StrCat("there are ", source.fallbacks_size(),
                             "; at most ", kMostFallbacks, " are allowed"));
    return;
  }
  for (int i = 0; i < source.fallbacks_size(); ++i) {
    CheckNode(absl::StrCat("node.fallbacks[", i, "]"), source.fallbacks(i),
              plan, check);
  }
  plan.start = source.send_start_byte();
  plan.wait = CheckWait("node.wait", source, absl::Minutes(1), check);
}

void CheckSender(v1::ReceptionSpec& spec, dataplane::SenderOptions& options,
                 SpecChecker& check) {
  v1::SenderSource& sender = *spec.mutable_sender();
  if (!SplitAddress(sender.address(), options.target)) {
    check.Wrong("sender.address",
                absl::StrCat("\"", sender.address(),
                             "\" is no host and port; write it as "
                             "node-1.example:9876 or [2001:db8::1]:9876"));
  }
  options.start = sender.send_start_byte();
  options.target.wait =
      CheckWait("sender.wait", sender, absl::ZeroDuration(), check);
}

void CheckSource(v1::ReceptionSpec& spec, ReceptionPlan& plan,
                 SpecChecker& check) {
  switch (spec.source_case()) {
    case v1::ReceptionSpec::kSender:
      return CheckSender(spec, plan.sender, check);
    case v1::ReceptionSpec::kNode:
      return CheckNodes(*spec.mutable_node(), plan.nodes.emplace(), check);
    case v1::ReceptionSpec::kUpload:
      plan.is_upload = true;
      return;
    case v1::ReceptionSpec::SOURCE_NOT_SET:
      return check.Wrong("sender",
                         "the reception has no source; give a sender's "
                         "address, or another node");
  }
}

void CheckDestination(const v1::FileDestination& destination,
                      ReceptionPlan& plan, SpecChecker& check) {
  const std::string& path = destination.path();
  check.Path("destination", destination.root(), path);
  const size_t slash = path.rfind('/');
  std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (!path.empty() && (name.empty() || name == "." || name == "..")) {
    check.Wrong(
        "destination.path",
        absl::StrCat("\"", path, "\" is a directory's; add the file's name"));
  }
  // "/name" has an absolute path for its directory, which leads out of the
  // root.
  plan.directory = slash == std::string::npos ? "."
                   : slash == 0               ? "/"
                                              : path.substr(0, slash);
  plan.options.destination.name = std::move(name);
  plan.options.destination.overwrite = destination.overwrite();
}

void CheckExpected(v1::ReceptionSpec& spec,
                   dataplane::ReceptionOptions& options, SpecChecker& check) {
  if (spec.has_expected_length()) {
    options.expected_length = static_cast<uint64_t>(check.InRange(
        "expected_length", spec.expected_length(), int64_t{0},
        static_cast<int64_t>(dataplane::ReceptionOptions().max_length)));
  }
  options.compute_sha256 = spec.compute_sha256();
  if (spec.expected_sha256().empty()) return;
  options.expected_sha256 = ToDigest(spec.expected_sha256());
  if (!options.expected_sha256) {
    return check.Wrong("expected_sha256",
                       absl::StrCat("\"", spec.expected_sha256(),
                                    "\" is not 64 hexadecimal digits"));
  }
  spec.set_expected_sha256(dataplane::ToHex(*options.expected_sha256));
}

void CheckLimits(v1::ReceptionSpec& spec, ReceptionPlan& plan,
                 SpecChecker& check) {
  v1::ReceptionLimits& limits = *spec.mutable_limits();
  constexpr absl::Duration kLeast = absl::Milliseconds(100);
  plan.options.first_byte_timeout =
      check.InRange("limits.first_byte_timeout", limits,
                    &v1::ReceptionLimits::has_first_byte_timeout,
                    &v1::ReceptionLimits::mutable_first_byte_timeout,
                    absl::Hours(24), kLeast, kYear);
  plan.options.stall_timeout = check.InRange(
      "limits.stall_timeout", limits, &v1::ReceptionLimits::has_stall_timeout,
      &v1::ReceptionLimits::mutable_stall_timeout, absl::Minutes(10), kLeast,
      kYear);
  plan.sender.dead_timeout = check.InRange(
      "limits.dead_timeout", limits, &v1::ReceptionLimits::has_dead_timeout,
      &v1::ReceptionLimits::mutable_dead_timeout, plan.sender.dead_timeout,
      absl::Seconds(4), absl::Hours(24));
  if (plan.nodes) plan.nodes->dead_timeout = plan.sender.dead_timeout;
}

}  // namespace

std::optional<dataplane::Digest> ToDigest(const std::string& hex) {
  dataplane::Digest digest;
  if (hex.size() != 2 * digest.size() ||
      !std::ranges::all_of(hex, absl::ascii_isxdigit)) {
    return std::nullopt;
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

absl::StatusOr<ReceptionPlan> ToReceptionPlan(v1::ReceptionSpec& spec) {
  SpecChecker check("reception.spec.");
  ReceptionPlan plan;
  CheckSource(spec, plan, check);
  CheckDestination(spec.destination(), plan, check);
  CheckExpected(spec, plan.options, check);
  CheckLimits(spec, plan, check);
  check.InRange("retention", spec, &v1::ReceptionSpec::has_retention,
                &v1::ReceptionSpec::mutable_retention, absl::Hours(168),
                absl::Seconds(1), kYear);
  check.Labels("labels", spec.labels());
  if (!check.ok()) return check.status();
  return plan;
}

}  // namespace tcptool::server
