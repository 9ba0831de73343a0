#include "dataplane/content/stream_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace tcptool::dataplane {
namespace {

// Large enough to hide the cost of a call, small enough that the few blocks
// between the producer and the fastest recipient stay in the processor's cache;
// see docs/benchmarks.md.
constexpr size_t kBlockSize = size_t{640} << 10;

// A producer that writes nothing for so long has paused.
constexpr int kPauseMs = 1;

// What a pipe is made to hold: the producer then writes ahead while blocks are
// sent, and each wakes the other less often. As much as pipe(7) allows
// everyone.
constexpr int kPipeSize = 1 << 20;

}  // namespace

// Keeps the memory of blocks that all recipients have passed for the next ones:
// fresh memory costs a page fault every 4 KiB.
class StreamReader::BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  std::shared_ptr<std::byte[]> Get() {
    std::unique_ptr<std::byte[]> memory;
    {
      absl::MutexLock lock(&mutex_);
      if (!free_.empty()) {
        memory = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (memory == nullptr) {
      memory = std::make_unique_for_overwrite<std::byte[]>(kBlockSize);
    }
    return {memory.release(), [pool = shared_from_this()](std::byte* used) {
              absl::MutexLock lock(&pool->mutex_);
              pool->free_.emplace_back(used);
            }};
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<std::byte[]>> free_ ABSL_GUARDED_BY(mutex_);
};

StreamReader::StreamReader(int descriptor, std::shared_ptr<StreamSource> source)
    : descriptor_(descriptor),
      stop_(eventfd(0, EFD_CLOEXEC)),
      source_(std::move(source)),
      pool_(std::make_shared<BlockPool>()),
      thread_([this] {
        fcntl(descriptor_, F_SETPIPE_SZ, kPipeSize);  // In vain on others.
        Run();
      }) {}

StreamReader::~StreamReader() {
  source_->Close();
  eventfd_write(stop_, 1);
  thread_.join();
  close(stop_);
}

bool StreamReader::WaitForInput() {
  pollfd polled[] = {{descriptor_, POLLIN, 0}, {stop_, POLLIN, 0}};
  while (poll(polled, 2, -1) < 0 && errno == EINTR) {
  }
  return polled[1].revents == 0;
}

void StreamReader::Run() {
  while (source_->WaitForRoom()) {
    const std::shared_ptr<std::byte[]> memory = pool_->Get();
    size_t filled = 0;
    bool ended = false;
    // A block goes out when it is full, or when the producer pauses: what has
    // been read is not held back.
    while (filled < kBlockSize && !ended) {
      if (filled > 0) {
        pollfd polled = {descriptor_, POLLIN, 0};
        if (poll(&polled, 1, kPauseMs) == 0) break;
      } else if (!WaitForInput()) {
        return;
      }
      const ssize_t got =
          read(descriptor_, memory.get() + filled, kBlockSize - filled);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) {
        source_->Fail(absl::ErrnoToStatus(errno, "reading the input"));
        return;
      }
      filled += got;
      ended = got == 0;
    }
    if (filled > 0) {
      source_->Append({.owner = memory,
                       .data = {memory.get(), filled},
                       .memory = kBlockSize});
    }
    if (ended) {
      source_->End();
      return;
    }
  }
}

}  // namespace tcptool::dataplane
