#include "dataplane/sending/send_method.h"

namespace tcptool::dataplane {

SendMethod ChooseSendMethod(SocketApi& sockets, int socket) {
  return sockets.StaysInHost(socket) ? SendMethod::kCopy
                                     : SendMethod::kZeroCopy;
}

}  // namespace tcptool::dataplane
