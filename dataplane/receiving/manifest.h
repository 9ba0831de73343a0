// What a content is, block by block: docs/wire-protocol.md.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_MANIFEST_H_
#define TCPTOOL_DATAPLANE_RECEIVING_MANIFEST_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/sha256.h"

namespace tcptool::dataplane {

// The size of a block; the last one of a content may be shorter.
inline constexpr uint64_t kManifestBlock = uint64_t{1} << 20;

// The number of blocks of a content of `length` bytes.
constexpr uint64_t CountBlocks(uint64_t length) {
  return length / kManifestBlock + (length % kManifestBlock != 0 ? 1 : 0);
}

struct Manifest {
  uint64_t length = 0;
  // The SHA-256 of each block, in order: CountBlocks(length) of them.
  std::vector<Digest> blocks;
};

// Of the blocks from number `first` on; at most `most`.
std::vector<Digest> DigestsFrom(std::span<const Digest> blocks, uint64_t first,
                                size_t most);

// The one digest that stands for the whole manifest, and so for the content:
// the SHA-256 of "tcptool manifest 1\n", the length and the block size as
// 64-bit little-endian numbers, and the digests of the blocks.
Digest Root(const Manifest& manifest);

// `number` as 8 bytes, little-endian, and back.
std::array<std::byte, 8> ToLittleEndian(uint64_t number);
uint64_t FromLittleEndian(std::span<const std::byte, 8> bytes);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_MANIFEST_H_
