// The range map beside a partial file: which blocks are on the disk.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_RANGE_MAP_H_
#define TCPTOOL_DATAPLANE_RECEIVING_RANGE_MAP_H_

#include <cstddef>
#include <span>
#include <vector>

#include "dataplane/base/sha256.h"

namespace tcptool::dataplane {

// A journal, so that a checkpoint costs what is new, whatever the content's
// length: a header, and a record for each checkpoint, which is the number of
// blocks that were added, their digests, and a check: the SHA-256 of the check
// before it and the record. Records that a crash has torn, and what follows
// them, so are known. Format version 1.
class RangeMap {
 public:
  // Empty: of its file, the header is all.
  RangeMap();

  // What a map's file has. Damaged from the start: an empty map.
  static RangeMap Parse(std::span<const std::byte> file);

  // The blocks from the content's start that are on the disk.
  const std::vector<Digest>& blocks() const { return blocks_; }
  // The bytes of the file that are valid; the next record goes there.
  size_t size() const { return size_; }

  static std::vector<std::byte> Header();
  // Adds blocks. Returns the record, to be written at the size() from before.
  std::vector<std::byte> Add(std::span<const Digest> blocks);

 private:
  std::vector<Digest> blocks_;
  size_t size_;
  Digest check_;  // Of the last record; before the first: of the header.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_RANGE_MAP_H_
