// For objects whose end may wait for a disk.
#ifndef TCPTOOL_DATAPLANE_BASE_DELETE_ON_A_THREAD_H_
#define TCPTOOL_DATAPLANE_BASE_DELETE_ON_A_THREAD_H_

#include <cstdint>

#include "dataplane/base/closing_threads.h"

namespace tcptool::dataplane {

// A deleter for std::shared_ptr: whoever has the last reference may be a lane,
// or another thread that must not wait for a disk. So it is done by the
// process's ClosingThreads, soon after.
class DeleteOnAThread {
 public:
  // `disk`: for which the object's end may wait, see DiskOf().
  explicit DeleteOnAThread(uint64_t disk) : disk_(disk) {}

  template <typename T>
  void operator()(T* object) const {
    ClosingThreads::OfProcess().Run(disk_, [object] { delete object; });
  }

 private:
  uint64_t disk_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_DELETE_ON_A_THREAD_H_
