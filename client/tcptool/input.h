// What a sender sends.
#ifndef TCPTOOL_CLIENT_TCPTOOL_INPUT_H_
#define TCPTOOL_CLIENT_TCPTOOL_INPUT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/source.h"
#include "dataplane/content/stream_source.h"

namespace tcptool::client {

// A source that reads the input: by position where it has positions, as a
// stream otherwise.
struct Input {
  std::shared_ptr<dataplane::Source> source;
  // Of what poll(2) waits for, a pipe or a terminal: its descriptor, and the
  // source again. A StreamReader connects them.
  dataplane::UniqueFd descriptor;
  std::shared_ptr<dataplane::StreamSource> stream;
};

// `name`: of a regular file, a block device, a FIFO, ...; empty: standard
// input, from where it stands. Does not wait for a FIFO's writer: recipients
// may come before it. The error's message is the system's reason.
absl::StatusOr<Input> OpenInput(const std::string& name);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_INPUT_H_
