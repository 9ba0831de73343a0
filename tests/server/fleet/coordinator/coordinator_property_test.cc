// Random fleets in which nodes die, come, come back and get the content, and
// coordinators die between any two of their writes. A failure prints its seed;
// TCPTOOL_TEST_SEED has the test begin with that.
#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/first_seed.h"

namespace tcptool::fleet {
namespace {

class RandomStory {
 public:
  explicit RandomStory(uint32_t seed) : random_(seed) {
    racks_ = Between(1, 5);
    Add("source");
    const int nodes = Below(10) == 0 ? Between(100, 200) : Between(1, 25);
    for (int i = 0; i < nodes; ++i) Add(absl::StrCat("n", next_++));
    fleet_.AddDistribution("d");
  }

  // Until every node that is there has the content, or has failed.
  void Run() {
    for (int step = 0; !IsFinal() && !::testing::Test::HasFailure(); ++step) {
      ASSERT_LT(step, 10'000) << "it does not come to an end";
      const bool is_troubled = step < kTroubledSteps;
      if (is_troubled) {
        MakeTrouble();
      } else {
        EndTrouble();
      }
      // Some coordinators die before their first, second or third write.
      const bool dies = is_troubled && Below(3) == 0;
      fleet_.Coordinate(slow_, absl::Now(), dies ? Below(3) : 1'000'000);
      Check(!dies);
      Progress();
    }
    if (::testing::Test::HasFailure()) return;
    const FleetState state = fleet_.State();
    const auto& deliveries = state.distributions().at("d").deliveries;
    for (const std::string& name : Targets()) {
      const auto delivery = deliveries.find(name);
      ASSERT_TRUE(delivery != deliveries.end()) << name;
      EXPECT_GE(delivery->second.value.state(), v1::DELIVERY_STATE_DELIVERED)
          << name;
    }
    EXPECT_EQ(fleet_.Head("d").state(),
              failed_.empty()    ? v1::DISTRIBUTION_STATE_SUCCEEDED
              : has_all_.empty() ? v1::DISTRIBUTION_STATE_FAILED
                                 : v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED);
  }

 private:
  static constexpr int kTroubledSteps = 25;

  int Below(int limit) {
    return std::uniform_int_distribution<int>(0, limit - 1)(random_);
  }
  int Between(int least, int most) { return least + Below(most - least + 1); }

  void Add(const std::string& name) {
    if (!rack_of_.contains(name)) {
      rack_of_[name] = absl::StrCat("r", Below(racks_));
    }
    there_.insert(name);
    fleet_.AddNode(name, rack_of_[name]);
  }
  std::string AnyOf(const std::set<std::string>& names) {
    auto at = names.begin();
    std::advance(at, Below(static_cast<int>(names.size())));
    return *at;
  }
  // Those that the distribution waits for.
  std::set<std::string> Targets() {
    const FleetState state = fleet_.State();
    return TargetsOf(state.distributions().at("d"), state.nodes());
  }

  void MakeTrouble() {
    const int what = Below(8);
    if (what == 0) {
      Add(absl::StrCat("n", next_++));
    } else if (what <= 2 && there_.size() > 1) {
      const std::string name = AnyOf(there_);
      there_.erase(name);
      away_.insert(name);
      fleet_.KillNode(name);
    } else if (what == 3 && !away_.empty()) {
      ComeBack(AnyOf(away_));
    } else if (what == 4) {
      slow_["d"].insert(AnyOf(there_));
    } else if (what == 5) {
      Fail();
    }
  }
  void EndTrouble() {
    const std::set<std::string> away = away_;
    for (const std::string& name : away) ComeBack(name);
  }
  void ComeBack(const std::string& name) {
    away_.erase(name);
    Add(name);
  }
  // One that has not got it; and somebody else gets it, in the end.
  void Fail() {
    const std::string name = AnyOf(there_);
    if (name == "source" || has_all_.contains(name) || rack_of_.size() < 4 ||
        failed_.size() > 2) {
      return;
    }
    failed_.insert(name);
    fleet_.PutDelivery("d", name, v1::DELIVERY_STATE_FAILED);
  }

  bool Sends(const std::string& name) const {
    return there_.contains(name) && !failed_.contains(name) &&
           (name == "source" || has_all_.contains(name));
  }

  // Some of those whose parent has all get it, in the order that is random.
  void Progress() {
    for (const auto& [name, parent] : fleet_.Parents("d")) {
      if (!there_.contains(name) || failed_.contains(name) || Sends(name) ||
          !Sends(parent) || Below(3) == 0) {
        continue;
      }
      has_all_.insert(name);
      fleet_.PutDelivery("d", name, v1::DELIVERY_STATE_DELIVERED);
    }
  }

  bool IsFinal() const {
    const FleetState state = fleet_.State();
    const Distribution& distribution = state.distributions().at("d");
    return distribution.head &&
           distribution.head->value.state() >= v1::DISTRIBUTION_STATE_SUCCEEDED;
  }

  // Epochs only grow, and only a new one changes who has which parent. After a
  // coordinator that has come to its end, if anybody has the content who is
  // there, each of the others that are there is below such a node.
  void Check(bool is_planned) {
    const FleetState state = fleet_.State();
    const Distribution& distribution = state.distributions().at("d");
    const int64_t epoch =
        distribution.head ? distribution.head->value.epoch() : 0;
    EXPECT_GE(epoch, epoch_);
    const auto parents = fleet_.Parents("d");
    if (epoch == epoch_) {
      EXPECT_EQ(parents, parents_);
    }
    epoch_ = epoch;
    parents_ = parents;
    const bool has_source =
        std::any_of(there_.begin(), there_.end(),
                    [this](const std::string& name) { return Sends(name); });
    if (!is_planned || !has_source || IsFinal()) return;
    for (const std::string& name : there_) {
      if (failed_.contains(name)) continue;
      std::string at = name;
      size_t hops = 0;
      while (!Sends(at)) {
        ASSERT_TRUE(parents.contains(at)) << name << " hangs on " << at;
        at = parents.at(at);
        ASSERT_TRUE(there_.contains(at) && !failed_.contains(at))
            << name << " hangs on " << at;
        ASSERT_LE(++hops, there_.size()) << name << " hangs on a ring";
      }
    }
  }

  std::mt19937 random_;
  TestFleet fleet_;
  int racks_ = 1;
  int next_ = 1;
  std::map<std::string, std::string> rack_of_;
  std::set<std::string> there_;
  std::set<std::string> away_;
  std::set<std::string> has_all_;
  std::set<std::string> failed_;
  SlowNodes slow_;
  // When it was last checked.
  int64_t epoch_ = 0;
  std::map<std::string, std::string> parents_;
};

TEST(CoordinatorOfRandomFleets, BringsTheContentToWhoeverIsThere) {
  const uint32_t first = FirstSeed();
  const auto ends = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  for (uint32_t i = 0; i == 0 || std::chrono::steady_clock::now() < ends; ++i) {
    const uint32_t seed = first + i;
    SCOPED_TRACE(absl::StrCat("TCPTOOL_TEST_SEED=", seed));
    RandomStory(seed).Run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace tcptool::fleet
