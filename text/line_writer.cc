#include "text/line_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

namespace tcptool {
namespace {

// How often the thread checks whether it is to stop while nobody reads.
constexpr int kPollMillis = 100;

}  // namespace

struct LineWriter::Queue {
  Queue(int fd, DroppedText dropped_text, size_t max_bytes)
      : fd(fd), dropped_text(std::move(dropped_text)), max_bytes(max_bytes) {}

  // The next text to write; none at the end.
  bool Next(std::string& text);
  // Returns when all of it is written, cannot be, or the end has come.
  void WriteAll(const std::string& text);
  void Run();

  const int fd;
  const DroppedText dropped_text;
  const size_t max_bytes;

  std::mutex mutex;
  std::condition_variable queued;  // Or `stopping`.
  std::condition_variable taken;   // `progress` has grown.
  std::list<std::string> texts;
  size_t bytes = 0;       // Of `texts`.
  uint64_t dropped = 0;   // After the last of `texts`.
  uint64_t progress = 0;  // write(2) calls that took something.
  bool busy = false;      // The thread has a text that is not in `texts`.
  bool stopping = false;
};

bool LineWriter::Queue::Next(std::string& text) {
  std::unique_lock lock(mutex);
  busy = false;
  taken.notify_all();
  queued.wait(lock,
              [this] { return stopping || !texts.empty() || dropped > 0; });
  if (stopping) return false;
  busy = true;
  if (texts.empty()) {
    const uint64_t count = std::exchange(dropped, 0);
    lock.unlock();
    text = dropped_text(count);
    return true;
  }
  text = std::move(texts.front());
  texts.pop_front();
  bytes -= text.size();
  return true;
}

void LineWriter::Queue::WriteAll(const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    pollfd output = {.fd = fd, .events = POLLOUT};
    const int ready = poll(&output, 1, kPollMillis);
    {
      const std::lock_guard lock(mutex);
      if (stopping) return;
    }
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    // A pipe that is writable has room for PIPE_BUF bytes at least.
    const ssize_t count =
        write(fd, text.data() + written,
              std::min<size_t>(text.size() - written, PIPE_BUF));
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    // Nobody is there to be told of an error.
    if (count <= 0) return;
    written += static_cast<size_t>(count);
    const std::lock_guard lock(mutex);
    ++progress;
    taken.notify_all();
  }
}

void LineWriter::Queue::Run() {
  std::string text;
  while (Next(text)) WriteAll(text);
}

LineWriter::LineWriter(int fd, DroppedText dropped, size_t max_bytes)
    : queue_(std::make_shared<Queue>(fd, std::move(dropped), max_bytes)) {
  // A thread has the signal mask of the one that starts it: with all blocked,
  // none that the process waits for elsewhere ends it here, nor does SIGPIPE.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([queue = queue_] { queue->Run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LineWriter::~LineWriter() {
  Flush();
  const std::lock_guard lock(queue_->mutex);
  queue_->stopping = true;
  queue_->queued.notify_all();
}

void LineWriter::Write(std::string text) {
  // No allocation below the lock: a new_handler may call Flush().
  std::list<std::string> added;
  added.push_back(std::move(text));
  const size_t size = added.front().size();
  const std::lock_guard lock(queue_->mutex);
  // Once some are dropped, so is what follows, until they have been told of:
  // the lines that are written have no gap that is not marked.
  if (queue_->dropped > 0 || queue_->bytes + size > queue_->max_bytes) {
    ++queue_->dropped;
  } else {
    queue_->bytes += size;
    queue_->texts.splice(queue_->texts.end(), added);
  }
  queue_->queued.notify_all();
}

void LineWriter::Flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(queue_->mutex);
  const auto is_empty = [this] {
    return queue_->texts.empty() && queue_->dropped == 0 && !queue_->busy;
  };
  while (!is_empty()) {
    const uint64_t before = queue_->progress;
    const bool moved = queue_->taken.wait_for(lock, patience, [&] {
      return is_empty() || queue_->progress != before;
    });
    if (!moved) return;
  }
}

}  // namespace tcptool
