// Chooses how content gets into a recipient's socket, in one place.
#ifndef TCPTOOL_DATAPLANE_SENDING_SEND_METHOD_H_
#define TCPTOOL_DATAPLANE_SENDING_SEND_METHOD_H_

#include "dataplane/content/source.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

// On a path that stays in this host, copying from a block that is hot in the
// processor's cache is fastest; across an interface, sending from the page
// cache is. docs/benchmarks.md has the figures.
SendMethod ChooseSendMethod(SocketApi& sockets, int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_SEND_METHOD_H_
