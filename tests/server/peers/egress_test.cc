// How a node's rate is shared among those that follow it, on a clock of the
// test's own.
#include "server/peers/egress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class EgressTest : public testing::Test {
 protected:
  void Begin(uint64_t most) {
    egress_.emplace(
        most, [this](const std::string& content) { return limits_[content]; });
  }
  void Add(uint64_t id, const std::string& content) {
    rates_[id] = 0;
    taken_[id] = 0;
    egress_->Add(id, {.content = content,
                      .set_rate =
                          [this, id](uint64_t rate) {
                            rates_[id] = rate;
                            ++changes_;
                          },
                      .taken = [this, id] { return taken_.at(id); }});
  }
  void Remove(uint64_t id) {
    egress_->Remove(id);
    rates_.erase(id);
  }
  void Look() {
    now_ += Egress::kInterval;
    egress_->Look(now_);
  }
  // Each takes so many bytes, and then it is looked at all of them.
  void Take(const std::map<uint64_t, uint64_t>& bytes) {
    for (const auto& [id, more] : bytes) *taken_.at(id) += more;
    Look();
  }

  std::map<std::string, DistributedContents::Limits> limits_;
  std::map<uint64_t, uint64_t> rates_;  // By connection, as they were set last.
  std::map<uint64_t, std::optional<uint64_t>> taken_;
  int changes_ = 0;
  Egress::Clock::time_point now_;
  std::optional<Egress> egress_;
};

TEST_F(EgressTest, ContentsShareItEquallyAndSoDoTheConnectionsOfOne) {
  Begin(1200);
  Add(1, "a");
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 1200)));
  Add(2, "b");
  Add(3, "a");
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 300), Pair(2, 600), Pair(3, 300)));
  Remove(2);
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 600), Pair(3, 600)));
  EXPECT_EQ(egress_->FairRate(1), 600u);
  EXPECT_EQ(egress_->FairRate(2), 0u);
}

TEST_F(EgressTest, WithoutLimitsNothingIsSet) {
  Begin(0);
  Add(1, "a");
  Add(2, "b");
  Look();
  Take({{1, 100}});
  Remove(2);
  EXPECT_EQ(changes_, 0);
  EXPECT_EQ(egress_->FairRate(1), 0u);
}

TEST_F(EgressTest, LimitsOfAContentHoldWhateverTheNodeMaySend) {
  limits_["a"] = {.total = 400, .each = 300};
  limits_["b"] = {.each = 100};
  for (const uint64_t most : {0, 1000}) {
    rates_.clear();
    Begin(most);
    Add(1, "a");
    EXPECT_THAT(rates_, ElementsAre(Pair(1, 300)));
    Add(2, "a");
    Add(3, "b");
    Add(4, "b");
    EXPECT_THAT(rates_, ElementsAre(Pair(1, 200), Pair(2, 200), Pair(3, 100),
                                    Pair(4, 100)));
  }
}

TEST_F(EgressTest, LimitsThatChangeHoldWhenItIsLookedNext) {
  Begin(1000);
  Add(1, "a");
  limits_["a"] = {.each = 300};
  Look();
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 300)));
  limits_.clear();
  Look();
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 1000)));
}

TEST_F(EgressTest, WhatOneDoesNotUseOthersHave) {
  Begin(1000);
  Add(1, "a");
  Add(2, "b");
  Look();
  Take({{1, 100}, {2, 500}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 175), Pair(2, 825)));
  EXPECT_EQ(egress_->FairRate(1), 500u) << "It may have it when it wants it.";
  Take({{1, 100}, {2, 825}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 175), Pair(2, 825)));
  Take({{1, 170}, {2, 825}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 500), Pair(2, 500)));
}

TEST_F(EgressTest, WhoTakesNothingIsSeenWhenItTakesMore) {
  Begin(800);
  Add(1, "a");
  Add(2, "b");
  Look();
  Take({{2, 400}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 50), Pair(2, 750)));
  Take({{1, 50}, {2, 750}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 400), Pair(2, 400)));
}

TEST_F(EgressTest, NobodyIsHeldToLessThanOthersWant) {
  Begin(1000);
  Add(1, "a");
  Look();
  Take({{1, 10}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 1000)));
  Add(2, "b");
  Look();
  Take({{1, 10}, {2, 10}});
  EXPECT_EQ(rates_[1] + rates_[2], 1000u);
}

TEST_F(EgressTest, OneOfWhomNothingIsKnownKeepsItsShare) {
  Begin(1000);
  Add(1, "a");
  Add(2, "b");
  taken_[1] = std::nullopt;
  Look();
  Take({{2, 500}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 500), Pair(2, 500)));
}

// Its call may last, for as long as it likes.
TEST_F(EgressTest, OneWhoseConnectionHasEndedKeepsNoShare) {
  Begin(1000);
  Add(1, "a");
  Add(2, "b");
  taken_[1] = 5;
  Look();
  taken_[1] = std::nullopt;
  Take({{2, 500}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 62), Pair(2, 938)));
  // It has another one.
  taken_[1] = 0;
  Take({{2, 938}});
  EXPECT_THAT(rates_, ElementsAre(Pair(1, 500), Pair(2, 500)));
}

TEST_F(EgressTest, WhoHasGoneIsAskedNothing) {
  Begin(1000);
  Add(1, "a");
  Remove(1);
  taken_.clear();
  Look();
  EXPECT_THAT(rates_, IsEmpty());
}

// Links of some speed, behind each of which is a node that takes all that
// comes.
TEST_F(EgressTest, NoMoreIsSentThanIsAllowedAndEachHasItsFairRate) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 random(seed);
    const auto draw = [&random](uint64_t from, uint64_t to) {
      return std::uniform_int_distribution<uint64_t>(from, to)(random);
    };
    limits_.clear();
    rates_.clear();
    taken_.clear();
    const uint64_t most = draw(1'000'000, 100'000'000);
    Begin(most);
    std::map<uint64_t, uint64_t> links;
    std::map<uint64_t, std::string> contents;
    for (uint64_t id = 1, end = draw(2, 20); id < end; ++id) {
      const std::string content = absl::StrCat("d", draw(0, 3));
      if (draw(0, 2) == 0) limits_[content].total = draw(500'000, most);
      if (draw(0, 2) == 0) limits_[content].each = draw(500'000, most);
      contents[id] = content;
      links[id] = draw(0, most);
      Add(id, content);
    }
    for (int second = 0; second < 20; ++second) {
      uint64_t sent = 0;
      std::map<std::string, uint64_t> sent_of;
      std::map<uint64_t, uint64_t> sent_to;
      for (const auto& [id, link] : links) {
        const uint64_t bytes = std::min(link, rates_[id]);
        // Shares are rounded down.
        if (second > 0) {
          EXPECT_GE(bytes + 4, std::min(link, egress_->FairRate(id)));
        }
        const uint64_t each = limits_[contents[id]].each;
        if (each > 0) {
          EXPECT_LE(rates_[id], each);
        }
        sent += rates_[id];
        sent_of[contents[id]] += rates_[id];
        sent_to[id] = bytes;
      }
      EXPECT_LE(sent, most);
      for (const auto& [content, bytes] : sent_of) {
        const uint64_t total = limits_[content].total;
        if (total > 0) {
          EXPECT_LE(bytes, total);
        }
      }
      Take(sent_to);
    }
  }
}

}  // namespace
}  // namespace tcptool::server
