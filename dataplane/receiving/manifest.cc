#include "dataplane/receiving/manifest.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace tcptool::dataplane {

std::array<std::byte, 8> ToLittleEndian(uint64_t number) {
  std::array<std::byte, 8> bytes;
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(number);
    number >>= 8;
  }
  return bytes;
}

uint64_t FromLittleEndian(std::span<const std::byte, 8> bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    number |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  }
  return number;
}

std::vector<Digest> DigestsFrom(std::span<const Digest> blocks, uint64_t first,
                                size_t most) {
  if (first >= blocks.size()) return {};
  const auto part = blocks.subspan(first);
  const auto some = part.first(std::min(most, part.size()));
  return {some.begin(), some.end()};
}

Digest Root(const Manifest& manifest) {
  constexpr std::string_view kTitle = "tcptool manifest 1\n";
  Sha256 sha256;
  sha256.Update(std::as_bytes(std::span(kTitle)));
  sha256.Update(ToLittleEndian(manifest.length));
  sha256.Update(ToLittleEndian(kManifestBlock));
  sha256.Update(std::as_bytes(std::span(manifest.blocks)));
  return sha256.FinishDigest();
}

}  // namespace tcptool::dataplane
