// For objects whose end may wait for a disk.
#ifndef TCPTOOL_DATAPLANE_BASE_DELETE_ON_A_THREAD_H_
#define TCPTOOL_DATAPLANE_BASE_DELETE_ON_A_THREAD_H_

#include <system_error>
#include <thread>

namespace tcptool::dataplane {

// A deleter for std::shared_ptr: whoever has the last reference may be a lane,
// or another thread that must not wait, and close(2) of a file of NFS or FUSE
// waits for its server, if that is gone for ever. So it is done by a thread of
// its own, for which nobody waits. There are as many such threads as files that
// hang while they are closed.
struct DeleteOnAThread {
  template <typename T>
  void operator()(T* object) const {
    try {
      std::thread([object] { delete object; }).detach();
    } catch (const std::system_error&) {  // No thread can be had.
      delete object;
    }
  }
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_DELETE_ON_A_THREAD_H_
