// What a sender sends.
#ifndef TCPTOOL_CLIENT_TCPTOOL_INPUT_H_
#define TCPTOOL_CLIENT_TCPTOOL_INPUT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/file_source.h"
#include "dataplane/content/stream_source.h"

namespace tcptool::client {

// The input's descriptor, and a source that reads from it: by position where it
// has positions, as a stream otherwise.
struct Input {
  std::shared_ptr<dataplane::Source> source;
  // Of a file: it, and where the content begins.
  std::shared_ptr<dataplane::RandomAccessFile> file;
  uint64_t offset = 0;
  // Of a stream: its descriptor, and the source again.
  dataplane::UniqueFd descriptor;
  std::shared_ptr<dataplane::StreamSource> stream;
};

// `name`: of a regular file, a block device, a FIFO, ...; empty: standard
// input, from where it stands. Does not wait for a FIFO's writer: recipients
// may come before it. The error's message is the system's reason.
absl::StatusOr<Input> OpenInput(const std::string& name);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_INPUT_H_
