// What the API's package is called where the fleet's own is v1.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_API_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_API_H_

namespace tcptool::v1 {}

namespace tcptool::fleet {

namespace api = ::tcptool::v1;

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_API_H_
