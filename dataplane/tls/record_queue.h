// Records of TLS on their way to the kernel.
#ifndef TCPTOOL_DATAPLANE_TLS_RECORD_QUEUE_H_
#define TCPTOOL_DATAPLANE_TLS_RECORD_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

// Those of one connection that are gathered for one send(2), and then what the
// kernel has not taken of them. While there are some it has a block of memory,
// which is its thread's at other times: so all connections of a lane encrypt
// into the same block, which stays in the processor's cache, for as long as
// their sockets have room. A thread keeps kIdleBlocks that nobody has.
//
// One thread at a time.
class RecordQueue {
 public:
  static constexpr size_t kRecord = size_t{16} << 10;  // Of content, at most.
  // What TLS 1.3 adds to the content of a record: its header, the content's
  // type and the tag.
  static constexpr size_t kOverhead = 5 + 1 + 16;
  // The records of content that are gathered for one send(2).
  static constexpr size_t kRecords = 4;
  // Besides, there is room for records of the handshake, or for new keys.
  static constexpr size_t kCapacity =
      kRecords * (kRecord + kOverhead) + (size_t{16} << 10);
  static constexpr size_t kIdleBlocks = 16;

  RecordQueue() = default;
  ~RecordQueue();
  RecordQueue(const RecordQueue&) = delete;
  RecordQueue& operator=(const RecordQueue&) = delete;

  // False: there is no room.
  bool Append(std::span<const std::byte> bytes);
  // Hands as much to the kernel as that takes. 0 once the queue is empty;
  // otherwise -EAGAIN, or another error of send(2).
  int Flush(SocketApi& sockets, int socket);
  // In bytes.
  size_t size() const { return end_ - begin_; }
  // Bytes that the kernel has taken, of all that were in the queue.
  uint64_t sent() const { return sent_; }

 private:
  using Block = std::array<std::byte, kCapacity>;
  class Blocks;

  void Release();

  std::unique_ptr<Block> block_;  // Null while it is empty.
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_RECORD_QUEUE_H_
