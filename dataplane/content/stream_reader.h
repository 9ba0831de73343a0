// Feeds a stream source from a descriptor.
#ifndef TCPTOOL_DATAPLANE_CONTENT_STREAM_READER_H_
#define TCPTOOL_DATAPLANE_CONTENT_STREAM_READER_H_

#include <cstddef>
#include <memory>
#include <thread>

#include "dataplane/content/block_pool.h"
#include "dataplane/content/stream_source.h"

namespace tcptool::dataplane {

// Reads a descriptor (a pipe, a FIFO, a terminal: anything that read(2) and
// poll(2) take) into a source, on a thread of its own, until the descriptor
// ends or fails or the source is closed.
class StreamReader {
 public:
  // Does not own `descriptor`, which outlives the reader.
  StreamReader(int descriptor, std::shared_ptr<StreamSource> source);
  // Closes the source, interrupts a read that is blocked, and joins the thread.
  ~StreamReader();

  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

 private:
  void Run();
  // Blocks until the descriptor is readable. False: the reader is to stop.
  bool WaitForInput();

  const int descriptor_;
  const int stop_;  // An eventfd.
  const std::shared_ptr<StreamSource> source_;
  const std::shared_ptr<BlockPool> pool_;
  std::thread thread_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_STREAM_READER_H_
