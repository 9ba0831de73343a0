#include "server/fleet/service/distribution_spec.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/api/reception_spec.h"
#include "server/api/spec_checker.h"
#include "server/fleet/state/fleet_keys.h"

namespace tcptool::fleet {
namespace {

constexpr int kMaxNodes = 10'000;
constexpr int kMaxRacks = 1'000;
constexpr size_t kMaxRackBytes = 255;
constexpr size_t kMaxRootBytes = 255;

using server::SpecChecker;

void CheckNode(SpecChecker& check, absl::string_view field,
               const std::string& node) {
  if (IsFleetName(node)) return;
  check.Wrong(field,
              absl::StrCat("\"", node,
                           "\" is no node's name: 1 to 64 letters, digits, "
                           "'.', '-' and '_', the first a letter or a digit"));
}

// This node may not know it. Each target that has no such root says so in its
// record, which etcd must be able to take.
void CheckRoot(SpecChecker& check, absl::string_view field,
               const std::string& root) {
  if (root.size() <= kMaxRootBytes) return;
  check.Wrong(field,
              absl::StrCat("it is longer than ", kMaxRootBytes, " bytes"));
}

// What every node would refuse, or take for another file.
void CheckPath(SpecChecker& check, absl::string_view field,
               const std::string& path) {
  if (absl::StartsWith(path, "/")) {
    check.Wrong(field, absl::StrCat("\"", path, "\" begins with '/'"));
  }
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part != "..") continue;
    check.Wrong(field, absl::StrCat("\"", path, "\" leads up, by \"..\""));
    break;
  }
  if (absl::EndsWith(path, "/") || path == "." || absl::EndsWith(path, "/.")) {
    check.Wrong(field, absl::StrCat("\"", path,
                                    "\" is a directory's; add the file's "
                                    "name"));
  }
}

bool IsSourceAlone(const api::DistributionSpec& spec) {
  const api::DistributionTargets& targets = spec.targets();
  return spec.has_file() && !targets.all() && targets.racks().empty() &&
         targets.labels().empty() &&
         std::all_of(targets.nodes().begin(), targets.nodes().end(),
                     [&spec](const std::string& node) {
                       return node == spec.file().node();
                     });
}

void CheckTargets(SpecChecker& check, const api::DistributionTargets& targets) {
  if (!targets.all() && targets.nodes().empty() && targets.racks().empty() &&
      targets.labels().empty()) {
    check.Wrong("targets", "it names nobody; set all, nodes, racks or labels");
  }
  if (targets.nodes_size() > kMaxNodes) {
    check.Wrong("targets.nodes",
                absl::StrCat("there are more than ", kMaxNodes));
  }
  if (targets.racks_size() > kMaxRacks) {
    check.Wrong("targets.racks",
                absl::StrCat("there are more than ", kMaxRacks));
  }
  for (int i = 0; i < std::min(targets.nodes_size(), kMaxNodes); ++i) {
    CheckNode(check, absl::StrCat("targets.nodes[", i, "]"), targets.nodes(i));
  }
  for (int i = 0; i < std::min(targets.racks_size(), kMaxRacks); ++i) {
    if (targets.racks(i).size() <= kMaxRackBytes) continue;
    check.Wrong(absl::StrCat("targets.racks[", i, "]"),
                absl::StrCat("it is longer than ", kMaxRackBytes, " bytes"));
  }
}

void CheckFile(SpecChecker& check, const api::FleetFileSource& file) {
  CheckNode(check, "file.node", file.node());
  check.Path("file", file.root(), file.path());
  CheckRoot(check, "file.root", file.root());
  CheckPath(check, "file.path", file.path());
}

void CheckUploadSource(SpecChecker& check,
                       const api::FleetUploadSource& upload) {
  check.InRange("upload.expected_length", upload.expected_length(), int64_t{0},
                int64_t{1} << 62);
  if (!upload.expected_sha256().empty() &&
      !server::ToDigest(upload.expected_sha256())) {
    check.Wrong("upload.expected_sha256",
                absl::StrCat("\"", upload.expected_sha256(),
                             "\" is not 64 hexadecimal digits"));
  }
}

absl::Status Check(const api::DistributionSpec& spec) {
  SpecChecker check("distribution.spec.");
  switch (spec.source_case()) {
    case api::DistributionSpec::kFile:
      CheckFile(check, spec.file());
      break;
    case api::DistributionSpec::kUpload:
      CheckUploadSource(check, spec.upload());
      break;
    case api::DistributionSpec::SOURCE_NOT_SET:
      check.Wrong("file", "it is not set, and there is no other source");
  }
  CheckTargets(check, spec.targets());
  if (IsSourceAlone(spec)) {
    check.Wrong("targets",
                "it names nobody but the source, which is no target itself");
  }
  check.Labels("targets.labels", spec.targets().labels());
  check.Labels("labels", spec.labels());
  check.Path("destination", spec.destination().root(),
             spec.destination().path());
  CheckRoot(check, "destination.root", spec.destination().root());
  CheckPath(check, "destination.path", spec.destination().path());
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  check.InRange("limits.node_bytes_per_second",
                spec.limits().node_bytes_per_second(), int64_t{0}, kMost);
  check.InRange("limits.source_bytes_per_second",
                spec.limits().source_bytes_per_second(), int64_t{0}, kMost);
  if (spec.has_expire_after()) {
    check.InRange("expire_after", spec.expire_after(), absl::Seconds(1),
                  absl::Hours(8760));
  }
  check.InRange("serve.port", spec.serve().port(), 0, 65535);
  return check.status();
}

void SetUpload(const api::FleetUploadSource& upload, v1::UploadSource& stored) {
  if (upload.has_expected_length()) {
    stored.set_expected_length(upload.expected_length());
  }
  stored.set_expected_sha256(absl::HexStringToBytes(upload.expected_sha256()));
}

}  // namespace

absl::StatusOr<v1::DistributionSpec> ToStored(const api::DistributionSpec& spec,
                                              const std::string& node) {
  if (absl::Status status = Check(spec); !status.ok()) return status;
  v1::DistributionSpec stored;
  if (spec.has_upload()) {
    stored.set_source_node(node);
    SetUpload(spec.upload(), *stored.mutable_upload());
  } else {
    stored.set_source_node(spec.file().node());
    stored.mutable_file()->set_root(spec.file().root());
    stored.mutable_file()->set_path(spec.file().path());
  }
  v1::Targets& targets = *stored.mutable_targets();
  targets.set_all(spec.targets().all());
  *targets.mutable_nodes() = spec.targets().nodes();
  *targets.mutable_racks() = spec.targets().racks();
  *targets.mutable_labels() = spec.targets().labels();
  stored.set_destination_root(spec.destination().root());
  stored.set_destination_path(spec.destination().path());
  stored.set_overwrite(spec.destination().overwrite());
  stored.set_node_bytes_per_second(spec.limits().node_bytes_per_second());
  stored.set_source_bytes_per_second(spec.limits().source_bytes_per_second());
  if (spec.has_expire_after()) {
    *stored.mutable_expire_after() = spec.expire_after();
  }
  if (spec.has_serve()) stored.mutable_serve()->set_port(spec.serve().port());
  *stored.mutable_labels() = spec.labels();
  return stored;
}

api::DistributionSpec ToMessage(const v1::DistributionSpec& spec) {
  api::DistributionSpec message;
  if (spec.has_file()) {
    message.mutable_file()->set_node(spec.source_node());
    message.mutable_file()->set_root(spec.file().root());
    message.mutable_file()->set_path(spec.file().path());
  } else if (spec.has_upload()) {
    api::FleetUploadSource& upload = *message.mutable_upload();
    upload.set_node(spec.source_node());
    if (spec.upload().has_expected_length()) {
      upload.set_expected_length(spec.upload().expected_length());
    }
    upload.set_expected_sha256(
        absl::BytesToHexString(spec.upload().expected_sha256()));
  }
  api::DistributionTargets& targets = *message.mutable_targets();
  targets.set_all(spec.targets().all());
  *targets.mutable_nodes() = spec.targets().nodes();
  *targets.mutable_racks() = spec.targets().racks();
  *targets.mutable_labels() = spec.targets().labels();
  message.mutable_destination()->set_root(spec.destination_root());
  message.mutable_destination()->set_path(spec.destination_path());
  message.mutable_destination()->set_overwrite(spec.overwrite());
  message.mutable_limits()->set_node_bytes_per_second(
      spec.node_bytes_per_second());
  message.mutable_limits()->set_source_bytes_per_second(
      spec.source_bytes_per_second());
  if (spec.has_expire_after()) {
    *message.mutable_expire_after() = spec.expire_after();
  }
  if (spec.has_serve()) message.mutable_serve()->set_port(spec.serve().port());
  *message.mutable_labels() = spec.labels();
  return message;
}

}  // namespace tcptool::fleet
