// Which devices take packets out of the host, by a tree as sysfs has it.
#include "dataplane/lanes/network_devices.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace tcptool::dataplane {
namespace {

class NetworkDevicesTest : public testing::Test {
 protected:
  NetworkDevicesTest() {
    std::string name = testing::TempDir() + "/sysXXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  ~NetworkDevicesTest() override { std::filesystem::remove_all(directory_); }

  // `type`: of the uevent; empty: none.
  NetworkDevice Add(const std::string& name, const std::string& type,
                    const std::vector<std::string>& lower = {}) {
    const NetworkDevice device = {
        .name = name, .index = ++last_index_, .address = "52:54:00:00:00:01"};
    const std::filesystem::path path = directory_ / name;
    std::filesystem::create_directory(path);
    std::ofstream uevent(path / "uevent");
    if (!type.empty()) uevent << "DEVTYPE=" << type << "\n";
    uevent << "INTERFACE=" << name << "\nIFINDEX=" << device.index << "\n";
    std::ofstream(path / "ifindex") << device.index << "\n";
    std::ofstream(path / "address") << device.address << "\n";
    for (const std::string& of : lower) {
      std::filesystem::create_symlink(directory_ / of, path / ("lower_" + of));
    }
    return device;
  }
  NetworkDevice AddHardware(const std::string& name) {
    const NetworkDevice device = Add(name, "");
    std::filesystem::create_directory(directory_ / name / "device");
    return device;
  }
  bool IsWire(const NetworkDevice& device) const {
    return NetworkDevices(directory_).IsWire(device);
  }

  std::filesystem::path directory_;
  int last_index_ = 0;
};

TEST_F(NetworkDevicesTest, HardwareIs) {
  EXPECT_TRUE(IsWire(AddHardware("eth0")));
}

TEST_F(NetworkDevicesTest, VirtualOnesAreNot) {
  AddHardware("eth0");
  EXPECT_FALSE(IsWire(Add("veth0", "")));
  EXPECT_FALSE(IsWire(Add("lo", "")));
  EXPECT_FALSE(IsWire(Add("tun0", "")));
  EXPECT_FALSE(IsWire(Add("br0", "bridge", {"eth0"})));
  EXPECT_FALSE(IsWire(Add("mac0", "macvlan", {"eth0"})));
}

TEST_F(NetworkDevicesTest, BondOrVlanIsIfAllBelowItAre) {
  AddHardware("eth0");
  AddHardware("eth1");
  Add("veth0", "");
  EXPECT_TRUE(IsWire(Add("bond0", "bond", {"eth0", "eth1"})));
  EXPECT_TRUE(IsWire(Add("eth0.5", "vlan", {"eth0"})));
  EXPECT_TRUE(IsWire(Add("bond0.5", "vlan", {"bond0"})));
  EXPECT_FALSE(IsWire(Add("bond1", "bond", {"eth0", "veth0"})));
  EXPECT_FALSE(IsWire(Add("veth0.5", "vlan", {"veth0"})));
  Add("br0", "bridge", {"eth0"});
  EXPECT_FALSE(IsWire(Add("br0.5", "vlan", {"br0"})));
}

TEST_F(NetworkDevicesTest, BondOfNothingIsNot) {
  EXPECT_FALSE(IsWire(Add("bond0", "bond")));
}

TEST_F(NetworkDevicesTest, LoopOfDevicesIsNot) {
  Add("one", "vlan", {"other"});
  EXPECT_FALSE(IsWire(Add("other", "vlan", {"one"})));
}

TEST_F(NetworkDevicesTest, UnknownOneIsNot) {
  EXPECT_FALSE(IsWire({.name = "eth0", .index = 1, .address = "52:54"}));
  EXPECT_FALSE(NetworkDevices("/nonexistent").IsWire(AddHardware("eth0")));
}

// As in a network namespace whose sysfs was mounted in another one.
TEST_F(NetworkDevicesTest, OneWithTheNameOfAnotherIsNot) {
  NetworkDevice device = AddHardware("eth0");
  device.address = "52:54:00:00:00:02";
  EXPECT_FALSE(IsWire(device));
  device.address.clear();
  EXPECT_FALSE(IsWire(device));
  device = AddHardware("eth1");
  ++device.index;
  EXPECT_FALSE(IsWire(device));
}

}  // namespace
}  // namespace tcptool::dataplane
