// What is known of a content's blocks, for those who verify it block by block.
#ifndef TCPTOOL_DATAPLANE_CONTENT_BLOCK_DIGESTS_H_
#define TCPTOOL_DATAPLANE_CONTENT_BLOCK_DIGESTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/base/sha256.h"

namespace tcptool::dataplane {

// How a content ends, as the one who has all of it says.
struct ContentEnd {
  uint64_t length = 0;  // Bytes.
  Digest root{};        // Of its manifest: docs/wire-protocol.md.

  bool operator==(const ContentEnd&) const = default;
};

// Any thread may call any method.
class BlockDigests {
 public:
  virtual ~BlockDigests() = default;

  // Of the blocks from number `first` on, as far as they are known; at most
  // `most`.
  virtual std::vector<Digest> Digests(uint64_t first, size_t most) const = 0;
  // Once all of the content is known. The digests of all blocks are known then.
  virtual std::optional<ContentEnd> end() const = 0;
  // Why no more will be known; OK if that is not so.
  virtual absl::Status error() const = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_BLOCK_DIGESTS_H_
