// Memory for content on its way between a file or a pipe and sockets.
#ifndef TCPTOOL_DATAPLANE_BASE_PAGE_BLOCK_H_
#define TCPTOOL_DATAPLANE_BASE_PAGE_BLOCK_H_

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

namespace tcptool::dataplane {

// Begins on a page. The kernel copies whole pages between such a block and the
// page cache or a socket; malloc's large blocks begin 16 bytes behind a page,
// which on some processors makes that copy two to three times slower (see
// docs/benchmarks.md). What is in it at first is undefined.
class PageBlock {
 public:
  static constexpr size_t kAlignment = 4096;

  // Empty.
  PageBlock() = default;
  // `size` is a multiple of kAlignment. Throws std::bad_alloc.
  explicit PageBlock(size_t size);

  std::byte* data() const { return memory_.get(); }
  size_t size() const { return size_; }
  std::span<std::byte> first(size_t size) const { return {data(), size}; }
  explicit operator bool() const { return memory_ != nullptr; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte[], Free> memory_;
  size_t size_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_PAGE_BLOCK_H_
