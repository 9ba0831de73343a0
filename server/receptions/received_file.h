// The file of a reception that has succeeded, as the content of sessions.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEIVED_FILE_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEIVED_FILE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/base/sha256.h"
#include "dataplane/content/source.h"
#include "dataplane/engine/engine.h"
#include "server/sessions/content_root.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// `root`: that of its destination. FAILED_PRECONDITION: somebody has touched
// the file since. May wait for the disk.
absl::StatusOr<std::shared_ptr<dataplane::RandomAccessFile>> OpenUntouched(
    const ContentRoot& root, const v1::Reception& reception);

// The same, as a source that sends its last block only if the content is what
// was received.
absl::StatusOr<std::shared_ptr<dataplane::Source>> OpenReceivedFile(
    dataplane::Engine& engine, const ContentRoot& root,
    const v1::Reception& reception);

// The root of its content.
dataplane::Digest RootOf(const v1::Reception& reception);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEIVED_FILE_H_
