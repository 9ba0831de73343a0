#include "server/fleet/membership/life_sign.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace tcptool::fleet {
namespace {

using dataplane::UniqueFd;

constexpr absl::string_view kPrefix = "tcptoold-";
constexpr size_t kNameBytes = kPrefix.size() + 32;

// Of this boot and this network namespace; empty: unknown.
std::string Scope() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::array<char, 64> space{};
  const ssize_t length =
      readlink("/proc/self/ns/net", space.data(), space.size());
  if (!std::getline(file, boot) || boot.empty() || length <= 0) return {};
  return absl::StrCat(
      boot, " ", absl::string_view(space.data(), static_cast<size_t>(length)),
      " ");
}

// Not valid: somebody has the name, or there is no descriptor.
UniqueFd Bind(absl::string_view name) {
  // Of streams, which nobody listens on: nothing can be sent to it.
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (!fd.valid() ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return UniqueFd();
  }
  return fd;
}

}  // namespace

LifeSign::LifeSign() {
  const std::string scope = Scope();
  if (scope.empty()) return;
  absl::BitGen random;
  const std::string name = absl::StrCat(
      kPrefix, absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16),
      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
  socket_ = Bind(name);
  if (socket_.valid()) text_ = absl::StrCat(scope, name);
}

bool LifeSign::IsGone(const std::string& text) {
  const std::string scope = Scope();
  absl::string_view name = text;
  return !scope.empty() && absl::ConsumePrefix(&name, scope) &&
         name.size() == kNameBytes && absl::StartsWith(name, kPrefix) &&
         Bind(name).valid();
}

}  // namespace tcptool::fleet
