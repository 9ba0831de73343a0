// Writes the lines of a log without ever blocking the caller.
#ifndef TCPTOOL_TEXT_LINE_WRITER_H_
#define TCPTOOL_TEXT_LINE_WRITER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace tcptool {

// Queues lines, and writes them to a descriptor on a thread of its own, which
// takes no signals: nobody gets SIGPIPE where the reader has gone. A pipe
// or a terminal that nobody reads stops that thread alone: what does not fit
// into the queue any more is dropped and counted. Any thread may call any
// method.
class LineWriter {
 public:
  // The text, with its end of line, that is written in the place of lines that
  // were dropped. Called on the writer's thread.
  using DroppedText = std::function<std::string(uint64_t count)>;

  // `fd` stays the caller's, and its mode is not changed: other processes share
  // a standard stream, and so its O_NONBLOCK. `max_bytes`: limit of the queue.
  LineWriter(int fd, DroppedText dropped, size_t max_bytes = size_t{1} << 20);
  // Calls Flush(); what that leaves is not written.
  ~LineWriter();

  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // `text` includes its newline. Texts are written in the order of the calls,
  // each by one write(2) if it has at most PIPE_BUF (4 KiB) bytes. Waits for
  // nothing but the queue's lock.
  void Write(std::string text);

  // Blocks until everything queued before is written, or nothing was written
  // for `patience`.
  void Flush(std::chrono::milliseconds patience = std::chrono::seconds(1));

 private:
  struct Queue;

  // The thread's too, which may outlive the writer: inside of a write(2) that
  // never returns.
  const std::shared_ptr<Queue> queue_;
};

}  // namespace tcptool

#endif  // TCPTOOL_TEXT_LINE_WRITER_H_
