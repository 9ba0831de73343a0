// What tells whether a file still has the content that it had.
#ifndef TCPTOOL_DATAPLANE_LANES_FILE_STATE_H_
#define TCPTOOL_DATAPLANE_LANES_FILE_STATE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace tcptool::dataplane {

// As stat(2) has it. A block device has its size alone: who writes to it leaves
// no trace.
struct FileState {
  uint64_t size = 0;  // Bytes.
  // The size says nothing: what procfs, sysfs and the like have is made when it
  // is read.
  bool size_is_nominal = false;
  uint64_t device = 0;
  uint64_t inode = 0;
  // How many names it has. To take one away, or to put another file in its
  // place (rename(2)), changes `changed`, and not the content.
  uint64_t links = 0;
  absl::Time modified;  // Of the content.
  absl::Time changed;   // Of the content or the inode; nobody can set it back.
};

// Why the content that was there at `before` may not be what is there at
// `after`, for people; empty if it is the same. A change of the inode alone
// counts, since it may hide one of the content whose time has been set back
// (`cp --preserve`, `touch --reference`), unless the file has lost a name: that
// is how new content is put into place. It hides a change of the content for
// this one comparison: the next is to be made with `after`.
std::string Difference(const FileState& before, const FileState& after);

// How long after `state` was looked up (at `now`) a change may still bear the
// time stamp that `state` has already: a look after that tells every change.
absl::Duration TimeUntilDistinct(const FileState& state, absl::Time now);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_FILE_STATE_H_
