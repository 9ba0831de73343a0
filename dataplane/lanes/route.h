// Where a connection's packets leave the host.
#ifndef TCPTOOL_DATAPLANE_LANES_ROUTE_H_
#define TCPTOOL_DATAPLANE_LANES_ROUTE_H_

#include <optional>

#include "dataplane/lanes/network_devices.h"

namespace tcptool::dataplane {

// The device that the kernel's routes give for the addresses of a connected
// TCP socket (rtnetlink(7), RTM_GETROUTE). None: there is no such route, or it
// cannot be asked for. Does not block. Thread-safe.
std::optional<NetworkDevice> DeviceOfRoute(int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_ROUTE_H_
