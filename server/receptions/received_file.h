// The file of a reception that has succeeded, for the content of sessions.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEIVED_FILE_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEIVED_FILE_H_

#include "absl/status/statusor.h"
#include "dataplane/base/sha256.h"
#include "dataplane/receiving/received_file_source.h"
#include "server/sessions/content_root.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// `root`: that of its destination. FAILED_PRECONDITION: somebody has touched
// the file since. May wait for the disk.
absl::StatusOr<dataplane::ReceivedFile> OpenUntouched(
    const ContentRoot& root, const v1::Reception& reception);

// The root of its content.
dataplane::Digest RootOf(const v1::Reception& reception);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEIVED_FILE_H_
