#include "dataplane/tls/record_queue.h"

#include <cstring>
#include <utility>
#include <vector>

namespace tcptool::dataplane {

// The blocks of a thread that no queue has.
class RecordQueue::Blocks {
 public:
  Blocks() { idle_.reserve(kIdleBlocks); }

  static Blocks& OfThisThread() {
    thread_local Blocks blocks;
    return blocks;
  }

  std::unique_ptr<Block> Take() {
    // Not value-initialized: all of it is written before it is read.
    if (idle_.empty()) return std::unique_ptr<Block>(new Block);
    std::unique_ptr<Block> block = std::move(idle_.back());
    idle_.pop_back();
    return block;
  }

  void Return(std::unique_ptr<Block> block) {
    if (idle_.size() < kIdleBlocks) idle_.push_back(std::move(block));
  }

 private:
  std::vector<std::unique_ptr<Block>> idle_;  // The last is the warmest.
};

RecordQueue::~RecordQueue() { Release(); }

bool RecordQueue::Append(std::span<const std::byte> bytes) {
  if (block_ == nullptr) block_ = Blocks::OfThisThread().Take();
  if (bytes.size() > kCapacity - end_) return false;
  std::memcpy(block_->data() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
  return true;
}

int RecordQueue::Flush(SocketApi& sockets, int socket) {
  while (size() > 0) {
    const ssize_t sent =
        sockets.Send(socket, std::span(*block_).subspan(begin_, size()));
    if (sent < 0) return static_cast<int>(sent);
    begin_ += sent;
    sent_ += sent;
  }
  Release();
  return 0;
}

void RecordQueue::Release() {
  if (block_ != nullptr) Blocks::OfThisThread().Return(std::move(block_));
  begin_ = end_ = 0;
}

}  // namespace tcptool::dataplane
