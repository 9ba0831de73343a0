// Where a connection's packets come into the host, and leave it.
#ifndef TCPTOOL_DATAPLANE_LANES_ROUTE_H_
#define TCPTOOL_DATAPLANE_LANES_ROUTE_H_

#include <optional>

#include "dataplane/lanes/network_devices.h"

namespace tcptool::dataplane {

// The device that the kernel's routes give for the addresses of a connected
// TCP socket (rtnetlink(7), RTM_GETROUTE). None: there is no such route, or it
// cannot be asked for. Does not block. Thread-safe.
std::optional<NetworkDevice> DeviceOfRoute(int socket);

// The device by which the peer's handshake came to an accepted TCP socket
// (IP_PKTINFO, ip(7)). Unlike the routes it does not depend on rules for ports,
// or marks that a firewall gives; but answers may go another way. None: it
// cannot be asked for. Does not block. Thread-safe, but for others that set
// IP_PKTINFO on the same socket.
std::optional<NetworkDevice> DeviceOfArrival(int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_ROUTE_H_
