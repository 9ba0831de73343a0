#include "tests/server/fleet/simulation/simulated_fleet.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"
#include "server/fleet/state/values.h"
#include "tests/server/fleet/simulation/simulated_clock.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds kStep = SimulatedNetwork::kStep;

constexpr int64_t kRate = 100'000'000;  // Bytes a second.
constexpr uint64_t kSize = uint64_t{40} * kRate;

// Troubles are over by then, and nearly all have the content without them.
constexpr milliseconds kTroubled = seconds(40);
constexpr milliseconds kExpiry = minutes(15);

// docs/architecture.md, "The fleet".
constexpr milliseconds kLease = seconds(15);
constexpr milliseconds kReplaced = seconds(20);
constexpr milliseconds kReports = seconds(2);
constexpr milliseconds kReportsOfANode(5);

// Within so long a node knows of a change in etcd, each at another time.
constexpr milliseconds kLatency(300);

}  // namespace

SimulatedFleet::SimulatedFleet(const SimulationOptions& options)
    : options_(options),
      random_(options.seed),
      state_(*FleetKeys::Create("lab")),
      network_(&nodes_) {
  etcd_.Listen([this](const auto& events) { ReadEtcd(events); });
  Add("source", false);
  for (int i = 0; i < options.nodes; ++i) {
    Add(absl::StrCat("n", i), i < 5);
  }
  v1::DistributionSpec spec;
  spec.set_source_node("source");
  spec.mutable_file()->set_path("disk.img");
  spec.mutable_targets()->set_all(true);
  *spec.mutable_expire_time() =
      google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
          absl::ToUnixNanos(SimulatedNow() + absl::FromChrono(kExpiry)));
  etcd_.Put(state_.keys().Spec("d"), spec.SerializeAsString());
  PlanTroubles();
}

int SimulatedFleet::Below(int limit) {
  return std::uniform_int_distribution<int>(0, limit - 1)(random_);
}

milliseconds SimulatedFleet::Between(milliseconds least, milliseconds most) {
  return least + milliseconds(Below(static_cast<int>((most - least).count())));
}

SimulatedNode& SimulatedFleet::Add(const std::string& name, bool is_candidate) {
  auto& node = nodes_[name];
  node = std::make_unique<SimulatedNode>(
      io_, &etcd_, &state_,
      SimulatedNode::Options{.name = name,
                             .rack = absl::StrCat("r", Below(options_.racks)),
                             .rate = kRate,
                             .is_candidate = is_candidate,
                             .size = kSize,
                             .is_source = name == "source"},
      SimulatedNode::Events{
          .ask =
              [this](const SimulatedNode& asker, const std::string& asked,
                     bool is_new) {
                return network_.Ask(asker, asked, is_new);
              },
          .moved =
              [this](const SimulatedNode& moved, const v1::ParentMove& move) {
                ++links_moved_;
                Note(absl::StrCat(moved.name(), " goes from ", move.from(),
                                  " to ", move.to(),
                                  move.is_fault() ? ", for a fault," : "",
                                  " at ", move.offset()));
              },
          .slow =
              [this](const SlowNode& slow) {
                slow_.insert(slow.node);
                Note(absl::StrCat(slow.node, " is slow: ", slow.rate, " of ",
                                  slow.usual));
              }});
  ComeBack(*node);
  return *node;
}

SimulatedNode* SimulatedFleet::AnyVictim() {
  std::vector<SimulatedNode*> fit;
  for (const auto& [name, node] : nodes_) {
    if (name != "source" && !node->options().is_candidate &&
        node->is_running() && node->is_reachable()) {
      fit.push_back(node.get());
    }
  }
  return fit.empty() ? nullptr : fit[Below(static_cast<int>(fit.size()))];
}

SimulatedNode* SimulatedFleet::CoordinatorNode() {
  if (!state_.coordinator()) return nullptr;
  const auto found = nodes_.find(state_.coordinator()->value.node());
  return found != nodes_.end() && found->second->is_coordinator()
             ? found->second.get()
             : nullptr;
}

void SimulatedFleet::CheckCoordinator(milliseconds time) {
  const SimulatedNode* const node = CoordinatorNode();
  if (node != nullptr && node->is_reachable()) {
    uncoordinated_ = {};
    // That is when EndLeases() ends it.
    const int64_t lease = etcd_.LeaseOf(state_.keys().Coordinator());
    EXPECT_EQ(seconds(etcd_.TimeToLive(lease)), kLease);
    return;
  }
  const bool could_be = std::ranges::any_of(nodes_, [](const auto& one) {
    const SimulatedNode& node = *one.second;
    return node.options().is_candidate && node.is_running() &&
           node.is_reachable();
  });
  uncoordinated_ = could_be ? uncoordinated_ + time : milliseconds(0);
  longest_uncoordinated_ = std::max(longest_uncoordinated_, uncoordinated_);
  EXPECT_LE(uncoordinated_, kReplaced) << now_.count() << " ms";
}

void SimulatedFleet::Note(const std::string& event) {
  absl::StrAppend(&story_, now_.count(), " ms: ", event, "\n");
}

void SimulatedFleet::At(milliseconds time, std::function<void()> action) {
  actions_.emplace(time, std::move(action));
}

void SimulatedFleet::PlanTroubles() {
  const auto often = [this](int times, const std::function<void()>& action) {
    for (int i = 0; i < times; ++i) At(Between(seconds(1), kTroubled), action);
  };
  const auto a_while = [this] { return Between(seconds(1), seconds(40)); };
  often(options_.deaths, [this] {
    auto* const node = AnyVictim();
    if (node == nullptr) return;
    Kill(*node, {});
    if (Below(2) == 0) node->SetReachable(false);
  });
  often(options_.restarts, [this, a_while] {
    if (auto* node = AnyVictim()) Kill(*node, a_while());
  });
  often(options_.partitions, [this, a_while] {
    if (auto* node = AnyVictim()) Isolate(*node, a_while());
  });
  often(options_.coordinator_changes, [this, a_while] {
    auto* const node = CoordinatorNode();
    if (node == nullptr || !node->is_reachable()) return;
    if (Below(2) == 0) return Kill(*node, a_while());
    Isolate(*node, a_while());
  });
  often(options_.source_restarts, [this, a_while] {
    SimulatedNode& source = *nodes_.at("source");
    if (source.is_running()) Kill(source, a_while());
  });
  for (int i = 0; i < options_.late; ++i) {
    At(Between(seconds(1), kTroubled),
       [this, i] { Add(absl::StrCat("late", i), false); });
  }
  for (int i = 0; i < options_.slow; ++i) {
    auto* const node = AnyVictim();
    if (node == nullptr || node->rate() < kRate) continue;
    ++troubles_;
    node->SetSlow(kRate / 10);
  }
  often(options_.rack_partitions, [this, a_while] {
    const std::string rack = absl::StrCat("r", Below(options_.racks));
    CutOff(rack, a_while());
  });
}

void SimulatedFleet::Kill(SimulatedNode& node, milliseconds time) {
  ++troubles_;
  Note(absl::StrCat(node.name(), " dies, for ", time.count(), " ms"));
  node.Kill();
  At(now_ + kLease, [&node] { node.EndLeases(); });
  if (time == milliseconds(0)) return;
  // Nobody is registered while the lease of the process before lasts.
  At(now_ + std::max(time, kLease), [this, &node] { ComeBack(node); });
}

void SimulatedFleet::Isolate(SimulatedNode& node, milliseconds time) {
  ++troubles_;
  Note(absl::StrCat(node.name(), " is cut off for ", time.count(), " ms"));
  node.SetReachable(false);
  if (time > kLease) At(now_ + kLease, [&node] { node.EndLeases(); });
  At(now_ + time, [this, &node] { ComeBack(node); });
}

void SimulatedFleet::CutOff(const std::string& rack, milliseconds time) {
  if (network_.IsCut(rack)) return;
  troubles_ +=
      static_cast<int>(std::ranges::count_if(nodes_, [&rack](const auto& node) {
        return node.second->options().rack == rack;
      }));
  Note(absl::StrCat(rack, " is cut off for ", time.count(), " ms"));
  network_.Cut(rack);
  At(now_ + time, [this, rack] {
    Note(absl::StrCat(rack, " is connected again"));
    network_.Mend(rack);
  });
}

void SimulatedFleet::ComeBack(SimulatedNode& node) {
  node.SetReachable(true);
  if (!node.is_running()) node.Start();
  if (node.is_registered()) return;
  node.Register();
  if (now_ == milliseconds(0)) return;
  ++troubles_;
  Note(absl::StrCat(node.name(), " joins"));
}

void SimulatedFleet::Run() {
  while (!IsFinal() && !::testing::Test::HasFailure()) {
    if (now_ > kExpiry + minutes(1)) {
      ADD_FAILURE() << "It does not end.";
      break;
    }
    Tick();
  }
  if (!::testing::Test::HasFailure()) CheckEnd();
}

bool SimulatedFleet::IsQuiet() const {
  return actions_.empty() && std::ranges::none_of(nodes_, [](const auto& node) {
           return node.second->is_running() && !node.second->has_all();
         });
}

void SimulatedFleet::Tick() {
  const milliseconds time = IsQuiet() ? seconds(1) : kStep;
  AdvanceClock(time);
  now_ += time;
  while (!actions_.empty() && actions_.begin()->first <= now_) {
    const auto action = actions_.extract(actions_.begin());
    action.mapped()();
  }
  network_.Step(now_);
  RunReady(io_);
  Tell();
  ReportRates();
  CheckCoordinator(time);
}

void SimulatedFleet::ReadEtcd(const etcdserverpb::WatchResponse& events) {
  PrefixMirror::Changes changes;
  for (const etcdserverpb::Event& event : events.events()) {
    const etcdserverpb::KeyValue& key = event.kv();
    changes.push_back({.kind = event.type() == etcdserverpb::Event::PUT
                                   ? PrefixChange::Kind::kPut
                                   : PrefixChange::Kind::kDelete,
                       .key = key.key(),
                       .entry = {.value = key.value(),
                                 .create_revision = key.create_revision(),
                                 .mod_revision = key.mod_revision(),
                                 .lease = key.lease()}});
  }
  state_.Apply(changes);
  const auto found = state_.distributions().find("d");
  if (found == state_.distributions().end()) return;
  for (const std::string& move : history_.Look(found->second)) Note(move);
}

void SimulatedFleet::Tell() {
  milliseconds at = now_;
  for (const auto& [name, node] : nodes_) {
    at += kStep;
    if (at % kLatency < kStep && node->is_running() && node->is_reachable()) {
      node->Update();
    }
  }
  RunReady(io_);
}

void SimulatedFleet::ReportRates() {
  const auto interval =
      std::max<milliseconds>(kReports, kReportsOfANode * nodes_.size());
  milliseconds at = now_;
  for (const auto& [name, node] : nodes_) {
    at += kStep;
    if (at % interval >= kStep || !node->is_running()) continue;
    const EdgeRates rates = node->TakeRates();
    SimulatedNode* const coordinator = CoordinatorNode();
    if (rates.empty() || coordinator == nullptr ||
        !network_.AreConnected(*node, *coordinator)) {
      continue;
    }
    coordinator->TakeReport(rates);
  }
}

bool SimulatedFleet::IsFinal() const {
  const auto& head = state_.distributions().at("d").head;
  return head && fleet::IsFinal(head->value.state());
}

void SimulatedFleet::CheckEnd() {
  const Distribution& distribution = state_.distributions().at("d");
  bool all_have_it = true;
  uint64_t need = 0;
  for (const auto& [name, node] : nodes_) {
    if (name == "source") continue;
    const auto delivery = distribution.deliveries.find(name);
    const bool is_delivered =
        delivery != distribution.deliveries.end() &&
        delivery->second.value.state() == v1::DELIVERY_STATE_DELIVERED;
    all_have_it &= is_delivered;
    need += node->position();
    if (!node->is_running()) continue;
    EXPECT_TRUE(node->has_all()) << name << " is at " << node->position();
    EXPECT_TRUE(is_delivered) << name;
  }
  EXPECT_EQ(distribution.head->value.state(),
            all_have_it ? v1::DISTRIBUTION_STATE_SUCCEEDED
                        : v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED)
      << distribution.head->value.detail();
  EXPECT_LE(network_.sent(), need + need / 10);
  // One that is found slow is planned anew when it is, whatever made it slow.
  const size_t most = 3 * (static_cast<size_t>(troubles_) + slow_.size());
  EXPECT_LE(history_.moves(), most);
  // By plan, and by themselves before.
  EXPECT_LE(links_moved_, history_.moves() + most);
}

std::string SimulatedFleet::Summary() const {
  return absl::StrCat(
      nodes_.size(), " nodes, ", troubles_, " troubles, ", slow_.size(),
      " found slow; ", history_.moves(), " moves planned, ", links_moved_,
      " made, epoch ", history_.epoch(), ", revision ", etcd_.revision(),
      ", ended after ", now_.count() / 1000, " s, longest stall ",
      network_.longest_stall().count(), " ms, nobody coordinates ",
      longest_uncoordinated_.count(), " ms, two parents ",
      network_.longest_split().count(), " ms, at the source ",
      network_.most_at_source());
}

void Simulate(const SimulationOptions& options) {
  SCOPED_TRACE(absl::StrCat("TCPTOOL_TEST_SEED=", options.seed));
  SimulatedFleet fleet(options);
  fleet.Run();
  if (::testing::Test::HasFailure()) std::cout << fleet.story();
  std::cout << "seed " << options.seed << ": " << fleet.Summary() << '\n';
}

int FleetsOr(int usual) {
  const char* const fleets = std::getenv("TCPTOOL_SIMULATION_FLEETS");
  return fleets == nullptr ? usual : std::atoi(fleets);
}

}  // namespace tcptool::fleet
