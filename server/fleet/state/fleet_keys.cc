#include "server/fleet/state/fleet_keys.h"

#include <algorithm>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/base/sha256.h"

namespace tcptool::fleet {
namespace {

constexpr size_t kLongestName = 64;

using Kind = FleetKey::Kind;

// Of "distributions/D/...".
std::optional<FleetKey> ParseDistribution(
    const std::vector<absl::string_view>& parts) {
  if (parts.size() < 3 || !IsFleetName(parts[1])) return std::nullopt;
  FleetKey key = {.kind = Kind::kSpec, .distribution = std::string(parts[1])};
  if (parts.size() == 3) {
    if (parts[2] == "spec") return key;
    if (parts[2] == "head") {
      key.kind = Kind::kHead;
      return key;
    }
    if (parts[2] == "cancel") {
      key.kind = Kind::kCancel;
      return key;
    }
    return std::nullopt;
  }
  if (parts.size() != 4 || !IsFleetName(parts[3])) return std::nullopt;
  key.node = std::string(parts[3]);
  if (parts[2] == "edges") {
    key.kind = Kind::kEdge;
    return key;
  }
  if (parts[2] == "deliveries") {
    key.kind = Kind::kDelivery;
    return key;
  }
  return std::nullopt;
}

}  // namespace

bool IsFleetName(absl::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         absl::ascii_isalnum(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
         });
}

absl::StatusOr<FleetKeys> FleetKeys::Create(absl::string_view fleet) {
  if (!IsFleetName(fleet)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a fleet cannot be called '", fleet.substr(0, kLongestName),
        "': its name is 1 to ", kLongestName,
        " letters, digits, '.', '-' and '_', the first a letter or a digit"));
  }
  return FleetKeys(fleet);
}

FleetKeys::FleetKeys(absl::string_view fleet)
    : fleet_(fleet), prefix_(absl::StrCat("/tcptool/v1/", fleet, "/")) {}

std::string FleetKeys::Node(absl::string_view node) const {
  return absl::StrCat(prefix_, "nodes/", node);
}

std::string FleetKeys::Coordinator() const {
  return absl::StrCat(prefix_, "coordinator");
}

std::string FleetKeys::Request(absl::string_view request_id) const {
  return absl::StrCat(prefix_, "requests/",
                      dataplane::ToHex(dataplane::Sha256::Of(
                          std::as_bytes(std::span(request_id)))));
}

std::string FleetKeys::Distribution(absl::string_view distribution) const {
  return absl::StrCat(prefix_, "distributions/", distribution, "/");
}

std::string FleetKeys::Spec(absl::string_view distribution) const {
  return absl::StrCat(Distribution(distribution), "spec");
}

std::string FleetKeys::Head(absl::string_view distribution) const {
  return absl::StrCat(Distribution(distribution), "head");
}

std::string FleetKeys::Cancel(absl::string_view distribution) const {
  return absl::StrCat(Distribution(distribution), "cancel");
}

std::string FleetKeys::Edge(absl::string_view distribution,
                            absl::string_view node) const {
  return absl::StrCat(Distribution(distribution), "edges/", node);
}

std::string FleetKeys::Delivery(absl::string_view distribution,
                                absl::string_view node) const {
  return absl::StrCat(Distribution(distribution), "deliveries/", node);
}

std::optional<FleetKey> FleetKeys::Parse(absl::string_view key) const {
  if (!absl::ConsumePrefix(&key, prefix_)) return std::nullopt;
  const std::vector<absl::string_view> parts = absl::StrSplit(key, '/');
  if (parts.size() == 1 && parts[0] == "coordinator") {
    return FleetKey{.kind = Kind::kCoordinator};
  }
  if (parts.size() == 2 && parts[0] == "nodes" && IsFleetName(parts[1])) {
    return FleetKey{.kind = Kind::kNode, .node = std::string(parts[1])};
  }
  if (parts.size() == 2 && parts[0] == "requests") {
    return FleetKey{.kind = Kind::kRequest};
  }
  if (parts[0] == "distributions") return ParseDistribution(parts);
  return std::nullopt;
}

}  // namespace tcptool::fleet
