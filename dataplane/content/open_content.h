// Which kind of source a file is.
#ifndef TCPTOOL_DATAPLANE_CONTENT_OPEN_CONTENT_H_
#define TCPTOOL_DATAPLANE_CONTENT_OPEN_CONTENT_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/content/file_source.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// As FileSource::Create(), but for a file that says it has 0 bytes and has
// some, or whose size says nothing, which is read as a stream if all of it is
// asked for. May wait for the disk.
absl::StatusOr<std::shared_ptr<Source>> OpenContent(
    std::shared_ptr<RandomAccessFile> file, uint64_t offset,
    std::optional<uint64_t> length,
    FileSource::LostName lost_name = FileSource::LostName::kServed);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_OPEN_CONTENT_H_
