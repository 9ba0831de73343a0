// What is below a root, for those who look for a file to send.
#ifndef TCPTOOL_SERVER_SESSIONS_DIRECTORY_LISTING_H_
#define TCPTOOL_SERVER_SESSIONS_DIRECTORY_LISTING_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "server/api/page_token.h"
#include "server/sessions/content_root.h"
#include "tcptool/v1/file_service.pb.h"

namespace tcptool::server {

// file_service.proto says what both answer. A path that is empty, or ".", is
// the root's own. No symbolic link leads out of it. May wait for a disk. Any
// thread.
//
// INVALID_ARGUMENT as well: the path ends with "..".
absl::StatusOr<v1::File> StatFile(const ContentRoot& root,
                                  const std::string& path);

struct ListingLimits {
  // Of a directory.
  size_t max_entries = 1'000'000;
  // Whether nobody waits for the answer any more.
  std::function<bool()> is_late;
};

// Reads the whole directory once for each page, and keeps the names of one page
// of it.
absl::StatusOr<v1::ListFilesResponse> ListDirectory(
    const ContentRoot& root, const std::string& path, const NamePage& page,
    const ListingLimits& limits);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_DIRECTORY_LISTING_H_
