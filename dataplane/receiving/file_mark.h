// Tells afterwards whether a file has got its name, when the process that was
// giving it to it has ended in that moment.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_FILE_MARK_H_
#define TCPTOOL_DATAPLANE_RECEIVING_FILE_MARK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/receiving/file_api.h"

namespace tcptool::dataplane {

// What tells an open file, which is not written to any more, from what else may
// be under a name: its inode, its size, and when it was last written to. A
// rename changes none of these; the change time, and after a mount the number
// of the device, may become another one. Who writes to it can set back the
// time of that, so whether it is still the same content is to be looked at.
// Never empty.
absl::StatusOr<std::string> MarkOf(int file);

// What tells a file that has its name from what is under that name later. The
// change time alone does not: file systems' clocks tick every few milliseconds,
// in which another file may come. Nor does the inode alone, which another file
// may get when this one is gone.
struct FileStamp {
  uint64_t inode = 0;
  // Of the content, the inode or the name, by the clock of the file system:
  // nobody can set it back.
  absl::Time changed = absl::InfinitePast();

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

absl::StatusOr<FileStamp> StampOf(int file);

// Brings to the disk that the file with this mark has the name in the
// directory. NOT_FOUND: it has not. May wait for the disk.
absl::StatusOr<FileStamp> ConfirmName(FileApi& files, int directory,
                                      const std::string& name,
                                      const std::string& mark);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_FILE_MARK_H_
