// Which network devices take packets out of this host.
#ifndef TCPTOOL_DATAPLANE_LANES_NETWORK_DEVICES_H_
#define TCPTOOL_DATAPLANE_LANES_NETWORK_DEVICES_H_

#include <string>
#include <utility>

namespace tcptool::dataplane {

struct NetworkDevice {
  std::string name;
  int index = 0;
  // The first six bytes of its hardware address, as 52:54:00:12:34:56.
  std::string address;
};

// Reads sysfs, which does not block. Thread-safe.
class NetworkDevices {
 public:
  // `directory`: where sysfs has the devices.
  explicit NetworkDevices(std::string directory = "/sys/class/net")
      : directory_(std::move(directory)) {}

  // Whether the device is hardware, or a bond or VLAN over nothing but
  // hardware. What others are sent (veth, bridge, macvlan, tun, ...) may reach
  // a receiver in this host in the sender's own memory. False where that is not
  // known, as where sysfs shows another device by this name: it is that of the
  // network namespace in which it was mounted.
  bool IsWire(const NetworkDevice& device) const;

 private:
  bool IsWire(const std::string& name, int depth) const;

  const std::string directory_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_NETWORK_DEVICES_H_
