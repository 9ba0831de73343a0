#include "dataplane/lanes/network_devices.h"

#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

// Of a VLAN over a bond over a card, it is 2.
constexpr int kMaxDepth = 4;

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "bond", "vlan", "bridge", ...; empty: none is given, as of most hardware.
std::string TypeOf(const std::string& path) {
  constexpr std::string_view kType = "DEVTYPE=";
  std::ifstream file(path + "/uevent");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(kType)) return line.substr(kType.size());
  }
  return "";
}

}  // namespace

bool NetworkDevices::IsWire(const NetworkDevice& device) const {
  const std::string path = absl::StrCat(directory_, "/", device.name);
  if (FirstLine(path + "/ifindex") != absl::StrCat(device.index) ||
      device.address.empty() ||
      !absl::StartsWith(FirstLine(path + "/address"), device.address)) {
    return false;
  }
  return IsWire(device.name, 0);
}

bool NetworkDevices::IsWire(const std::string& name, int depth) const {
  constexpr std::string_view kLower = "lower_";
  if (depth > kMaxDepth) return false;
  const std::string path = absl::StrCat(directory_, "/", name);
  const std::string type = TypeOf(path);
  std::error_code error;
  if (type != "bond" && type != "vlan") {
    return std::filesystem::exists(path + "/device", error);
  }
  bool has_lower = false;
  for (std::filesystem::directory_iterator entry(path, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string entry_name = entry->path().filename();
    if (!entry_name.starts_with(kLower)) continue;
    if (!IsWire(entry_name.substr(kLower.size()), depth + 1)) return false;
    has_lower = true;
  }
  return has_lower && !error;
}

}  // namespace tcptool::dataplane
