#include "dataplane/receiving/range_map.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "dataplane/receiving/manifest.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kCountSize = sizeof(uint64_t);
constexpr size_t kDigestSize = sizeof(Digest);

Digest CheckOf(const Digest& before, std::span<const std::byte> record) {
  Sha256 sha256;
  sha256.Update(before);
  sha256.Update(record);
  return sha256.FinishDigest();
}

void Append(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

}  // namespace

std::vector<std::byte> RangeMap::Header() {
  constexpr std::string_view kTitle = "tcptool range map 1\n";
  std::vector<std::byte> header;
  Append(header, std::as_bytes(std::span(kTitle)));
  Append(header, ToLittleEndian(kManifestBlock));
  return header;
}

RangeMap::RangeMap() : size_(Header().size()), check_(Sha256::Of(Header())) {}

RangeMap RangeMap::Parse(std::span<const std::byte> file) {
  RangeMap map;
  const std::vector<std::byte> header = Header();
  if (file.size() < header.size() ||
      !std::ranges::equal(file.first(header.size()), header)) {
    return map;
  }
  while (file.size() - map.size_ >= kCountSize + kDigestSize) {
    const auto rest = file.subspan(map.size_);
    const uint64_t count = FromLittleEndian(rest.first<kCountSize>());
    if (count > (rest.size() - kCountSize - kDigestSize) / kDigestSize) break;
    const auto record = rest.first(kCountSize + count * kDigestSize);
    const Digest check = CheckOf(map.check_, record);
    if (!std::ranges::equal(rest.subspan(record.size(), kDigestSize), check)) {
      break;
    }
    const size_t before = map.blocks_.size();
    map.blocks_.resize(before + count);
    std::memcpy(map.blocks_.data() + before, record.data() + kCountSize,
                count * kDigestSize);
    map.check_ = check;
    map.size_ += record.size() + kDigestSize;
  }
  return map;
}

std::vector<std::byte> RangeMap::Add(std::span<const Digest> blocks) {
  std::vector<std::byte> record;
  record.reserve(kCountSize + blocks.size_bytes() + kDigestSize);
  Append(record, ToLittleEndian(blocks.size()));
  Append(record, std::as_bytes(blocks));
  check_ = CheckOf(check_, record);
  Append(record, check_);
  blocks_.insert(blocks_.end(), blocks.begin(), blocks.end());
  size_ += record.size();
  return record;
}

}  // namespace tcptool::dataplane
