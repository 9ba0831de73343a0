#include "dataplane/content/stream_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tcptool::dataplane {
namespace {

// A producer that writes nothing for so long has paused.
constexpr int kPauseMs = 1;

// The pipe's buffer (F_SETPIPE_SZ). A large one lets the producer write ahead
// while blocks are sent, with fewer wake-ups on both sides. This is the most
// that an unprivileged process may ask for (pipe(7)).
constexpr int kPipeSize = 1 << 20;

}  // namespace

StreamReader::StreamReader(int descriptor, std::shared_ptr<StreamSource> source)
    : descriptor_(descriptor),
      stop_(eventfd(0, EFD_CLOEXEC)),
      source_(std::move(source)),
      pool_(std::make_shared<BlockPool>()),
      thread_([this] {
        fcntl(descriptor_, F_SETPIPE_SZ, kPipeSize);  // Fails on non-pipes.
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
    const std::shared_ptr<const PageBlock> block = pool_->Get();
    size_t filled = 0;
    bool ended = false;
    // A block goes out when it is full, or when the producer pauses: what has
    // been read is not held back.
    while (filled < block->size() && !ended) {
      if (filled > 0) {
        pollfd polled = {descriptor_, POLLIN, 0};
        if (poll(&polled, 1, kPauseMs) == 0) break;
      } else if (!WaitForInput()) {
        return;
      }
      const ssize_t got =
          read(descriptor_, block->data() + filled, block->size() - filled);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) {
        source_->Fail(absl::ErrnoToStatus(errno, "reading the input"));
        return;
      }
      filled += got;
      ended = got == 0;
    }
    if (filled > 0) {
      source_->Append({.owner = block,
                       .data = block->first(filled),
                       .memory = block->size()});
    }
    if (ended) {
      source_->End();
      return;
    }
  }
}

}  // namespace tcptool::dataplane
