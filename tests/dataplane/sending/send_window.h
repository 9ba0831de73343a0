// What a peer's receive window has room for.
#ifndef TCPTOOL_TESTS_DATAPLANE_SENDING_SEND_WINDOW_H_
#define TCPTOOL_TESTS_DATAPLANE_SENDING_SEND_WINDOW_H_

#include <cstddef>

namespace tcptool::dataplane {

// The window that the peer has announced, in bytes (TCP_INFO).
size_t SendWindow(int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_SENDING_SEND_WINDOW_H_
