// Each distribution has a reception of its own on a node, whichever run it is.
#include "server/fleet/state/reception_name.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "server/fleet/state/fleet_keys.h"

namespace tcptool::fleet {
namespace {

TEST(ReceptionName, IsAnotherForEachDistribution) {
  const std::string name = ReceptionName("lab", "image", 7, "u");
  EXPECT_EQ(name, ReceptionName("lab", "image", 7, "u"));
  EXPECT_EQ(name.substr(0, 13), "receptions/d-");
  EXPECT_EQ(name, "receptions/" + ReceptionId("lab", "image", 7, "u"));
  EXPECT_EQ(name.size(), 13u + 32);
  const std::set<std::string> all = {name,
                                     ReceptionName("lab", "image", 8, "u"),
                                     ReceptionName("lab", "image", 7, "v"),
                                     ReceptionName("lab", "other", 7, "u"),
                                     ReceptionName("attic", "image", 7, "u")};
  EXPECT_EQ(all.size(), 5u);
}

TEST(FleetKeys, KnowsItsFleet) {
  EXPECT_EQ(FleetKeys::Create("lab")->fleet(), "lab");
}

}  // namespace
}  // namespace tcptool::fleet
