// Chooses how content gets into a recipient's socket, in one place.
#ifndef TCPTOOL_DATAPLANE_SENDING_SEND_METHOD_H_
#define TCPTOOL_DATAPLANE_SENDING_SEND_METHOD_H_

#include "dataplane/content/source.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

// On a path that stays in this host, copying from a block that is hot in the
// processor's cache is fastest; across a network card, sending from the page
// cache is. docs/benchmarks.md has the figures. Besides, what sendfile(2) sends
// on a path that stays in this host (to a container, over a veth pair) is the
// page cache's pages until the recipient reads them, long after it has
// acknowledged them and got the end: it would read what the file has become.
SendMethod ChooseSendMethod(SocketApi& sockets, int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_SEND_METHOD_H_
