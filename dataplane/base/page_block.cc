#include "dataplane/base/page_block.h"

#include <new>

namespace tcptool::dataplane {

PageBlock::PageBlock(size_t size)
    : memory_(static_cast<std::byte*>(std::aligned_alloc(kAlignment, size))),
      size_(size) {
  if (memory_ == nullptr) throw std::bad_alloc();
}

}  // namespace tcptool::dataplane
