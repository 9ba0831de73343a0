#include "tests/server/fleet/coordinator/test_fleet.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/fleet/coordinator/transactions.h"

namespace tcptool::fleet {

v1::Content ContentWithRoot(char root) {
  v1::Content content;
  content.set_length(1'000'000'000);
  content.set_root(std::string(32, root));
  return content;
}

void TestFleet::AddNode(const std::string& name, const std::string& rack,
                        int64_t egress) {
  v1::Node node;
  node.set_rack(rack);
  node.set_peer_address(absl::StrCat(name, ":7000"));
  node.set_egress_bytes_per_second(egress);
  etcd_.Put(keys_.Node(name), node.SerializeAsString());
}

void TestFleet::AddNodes(int number) {
  for (int i = 1; i <= number; ++i) AddNode(absl::StrCat("n", i));
}

v1::DistributionSpec TestFleet::SpecToAll() {
  v1::DistributionSpec spec;
  spec.set_source_node("source");
  spec.mutable_file()->set_path("disk.img");
  spec.mutable_targets()->set_all(true);
  return spec;
}

void TestFleet::AddDistribution(const std::string& name,
                                const v1::DistributionSpec& spec) {
  etcd_.Put(keys_.Spec(name), spec.SerializeAsString());
}

void TestFleet::PutDelivery(const std::string& distribution,
                            const std::string& node, v1::DeliveryState state,
                            char root) {
  v1::Delivery delivery;
  delivery.set_state(state);
  if (state == v1::DELIVERY_STATE_DELIVERED) {
    *delivery.mutable_content() = ContentWithRoot(root);
  }
  if (state == v1::DELIVERY_STATE_FAILED) delivery.set_detail("no space");
  etcd_.Put(keys_.Delivery(distribution, node), delivery.SerializeAsString());
}

void TestFleet::PutMoves(const std::string& distribution,
                         const std::string& node, const Moves& moves,
                         bool is_fault, absl::Time time) {
  v1::Delivery delivery;
  delivery.set_state(v1::DELIVERY_STATE_RECEIVING);
  for (const auto& [from, to] : moves) {
    v1::ParentMove& move = *delivery.add_moves();
    move.set_from(from);
    move.set_to(to);
    move.set_is_fault(is_fault);
    move.mutable_time()->set_seconds(absl::ToUnixSeconds(time));
  }
  etcd_.Put(keys_.Delivery(distribution, node), delivery.SerializeAsString());
}

FleetState TestFleet::State() const {
  PrefixMirror::Changes all;
  for (const auto& [name, key] : etcd_.keys()) {
    all.push_back({.kind = PrefixChange::Kind::kPut,
                   .key = name,
                   .entry = {.value = key.value(),
                             .create_revision = key.create_revision(),
                             .mod_revision = key.mod_revision(),
                             .lease = key.lease()}});
  }
  FleetState state(keys_);
  state.Apply(all);
  return state;
}

v1::Head TestFleet::HeadOf(const FleetState& state,
                           const std::string& distribution) {
  const auto found = state.distributions().find(distribution);
  if (found == state.distributions().end() || !found->second.head) {
    ADD_FAILURE() << distribution << " has no head";
    return {};
  }
  return found->second.head->value;
}

std::map<std::string, std::string> TestFleet::Parents(
    const std::string& distribution) const {
  const FleetState state = State();
  std::map<std::string, std::string> parents;
  const auto found = state.distributions().find(distribution);
  if (found == state.distributions().end()) return parents;
  for (const auto& [node, record] : found->second.edges) {
    const v1::Edge* const edge = EdgeInForce(found->second, node);
    if (edge != nullptr) parents[node] = edge->parent();
  }
  return parents;
}

EdgeRate TestFleet::Rate(const std::string& distribution,
                         const std::string& node,
                         uint64_t bytes_per_second) const {
  const FleetState state = State();
  const v1::Edge* const edge =
      EdgeInForce(state.distributions().at(distribution), node);
  if (edge == nullptr) {
    ADD_FAILURE() << node << " has no edge";
    return {};
  }
  return {.distribution = distribution,
          .node = node,
          .parent = edge->parent(),
          .epoch = edge->epoch(),
          .busy = std::chrono::seconds(10),
          .bytes = 10 * bytes_per_second};
}

int TestFleet::Coordinate(const SlowNodes& slow, absl::Time now, int most) {
  // Its key is there while it writes.
  etcd_.Delete(keys_.Coordinator());
  v1::Coordinator coordinator;
  coordinator.set_node("c");
  etcd_.Put(keys_.Coordinator(), coordinator.SerializeAsString());
  const int64_t term = etcd_.revision();
  int written = 0;
  while (true) {
    const auto changes = Decide(State(), slow, now);
    if (changes.empty()) return written;
    for (const DistributionChange& change : changes) {
      for (const auto& transaction : TransactionsOf(keys_, change, term)) {
        if (written == most) return written;
        const auto response = etcd_.Txn(transaction.request);
        EXPECT_TRUE(response.ok()) << response.status();
        if (!response.ok()) return written;
        EXPECT_TRUE(response->succeeded());
        ++written;
      }
    }
    if (written > 10'000) {
      ADD_FAILURE() << "it decides on something again and again";
      return written;
    }
  }
}

}  // namespace tcptool::fleet
