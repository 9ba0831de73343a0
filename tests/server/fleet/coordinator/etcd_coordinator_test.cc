// Coordinators at one real member.
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/fleet/coordinator/coordinator.h"
#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/values.h"
#include "tests/server/fleet/etcd/etcd_cluster.h"

namespace tcptool::fleet {
namespace {

// Two transactions of edges, the first as large as they get.
constexpr int kNodes = 130;

// A node that wants to be the coordinator, with a client of its own.
class Candidate {
 public:
  Candidate(const EtcdCluster& etcd, const FleetKeys& keys,
            const std::string& name)
      : thread_(etcd.client_options()) {
    thread_.Run([&] {
      coordinator_ = std::make_unique<Coordinator>(
          thread_.executor(), &thread_.client(),
          CoordinatorOptions{.keys = keys, .node = name},
          Coordinator::Events{.changed = [](bool) {},
                              .trouble = [](const absl::Status&) {}});
    });
  }
  ~Candidate() {
    thread_.Run([this] { coordinator_.reset(); });
  }
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

 private:
  ClientThread thread_;
  std::unique_ptr<Coordinator> coordinator_;
};

class EtcdCoordinatorTest : public ::testing::Test {
 protected:
  EtcdCoordinatorTest() {
    AddNode("source");
    for (int i = 1; i <= kNodes; ++i) AddNode(absl::StrCat("n", i));
    v1::DistributionSpec spec;
    spec.set_source_node("source");
    spec.mutable_file()->set_path("disk.img");
    spec.mutable_targets()->set_all(true);
    EXPECT_EQ(client_.Put(keys_.Spec("d"), spec.SerializeAsString()),
              absl::OkStatus());
  }

  void AddNode(const std::string& name) {
    v1::Node node;
    node.set_peer_address(absl::StrCat(name, ":7000"));
    EXPECT_EQ(client_.Put(keys_.Node(name), node.SerializeAsString()),
              absl::OkStatus());
  }
  // Until etcd has a value at a key that `is_it` takes.
  template <typename Value, typename Function>
  Value WaitFor(const std::string& key, Function is_it) {
    while (true) {
      const auto read = client_.Get(key);
      Value value;
      if (read.ok() && ParseValue(*read, value) && is_it(value)) return value;
    }
  }
  void WaitForCoordinator(const std::string& name) {
    WaitFor<v1::Coordinator>(
        keys_.Coordinator(),
        [&](const v1::Coordinator& value) { return value.node() == name; });
  }
  int64_t WaitForEpoch(int64_t epoch) {
    return WaitFor<v1::Head>(
               keys_.Head("d"),
               [&](const v1::Head& head) { return head.epoch() >= epoch; })
        .epoch();
  }
  std::string ParentOf(const std::string& node, int64_t epoch) {
    const auto read = client_.Get(keys_.Edge("d", node));
    v1::EdgeRecord record;
    if (!read.ok() || !ParseValue(*read, record)) return "";
    const v1::Edge* const edge = EdgeInForce(record, epoch);
    return edge == nullptr ? "" : edge->parent();
  }

  const EtcdCluster etcd_;
  const FleetKeys keys_ = *FleetKeys::Create("lab");
  ClientThread client_{etcd_.client_options()};
};

TEST_F(EtcdCoordinatorTest, AnotherTakesOverWhenOneIsGone) {
  auto a = std::make_unique<Candidate>(etcd_, keys_, "a");
  WaitForCoordinator("a");
  EXPECT_EQ(WaitForEpoch(1), 1);
  for (int i = 1; i <= kNodes; ++i) {
    EXPECT_NE(ParentOf(absl::StrCat("n", i), 1), "") << i;
  }

  // As if it had died: its lease runs out.
  const Candidate b(etcd_, keys_, "b");
  a.reset();
  WaitForCoordinator("b");
  const std::string child = "n2";
  const std::string before = ParentOf(child, 1);
  ASSERT_EQ(client_.Delete(keys_.Node(before)), absl::OkStatus());
  const int64_t epoch = WaitForEpoch(2);
  EXPECT_NE(ParentOf(child, epoch), before);
  // Which was in force until then.
  EXPECT_EQ(ParentOf(child, 1), before);
}

}  // namespace
}  // namespace tcptool::fleet
