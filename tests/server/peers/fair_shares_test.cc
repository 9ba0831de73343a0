#include "server/peers/fair_shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

using testing::ElementsAre;

constexpr uint64_t kAll = kNoRateLimit;

TEST(FairSharesTest, GroupsHaveEqualSharesAndSoHaveThoseInOne) {
  EXPECT_THAT(FairShares(120, {{.wants = {kAll, kAll}}, {.wants = {kAll}}}),
              ElementsAre(ElementsAre(30, 30), ElementsAre(60)));
}

TEST(FairSharesTest, WhatOneDoesNotWantIsForOthers) {
  EXPECT_THAT(FairShares(100, {{.wants = {kAll, 10, kAll}}}),
              ElementsAre(ElementsAre(45, 10, 45)));
  EXPECT_THAT(FairShares(100, {{.wants = {5, 10}}, {.wants = {kAll}}}),
              ElementsAre(ElementsAre(5, 10), ElementsAre(85)));
}

TEST(FairSharesTest, AGroupHasItsMostAtMost) {
  EXPECT_THAT(
      FairShares(100, {{.most = 30, .wants = {kAll, 10}}, {.wants = {kAll}}}),
      ElementsAre(ElementsAre(20, 10), ElementsAre(70)));
  EXPECT_THAT(FairShares(kAll, {{.most = 30, .wants = {kAll, kAll}},
                                {.wants = {kAll, 7}}}),
              ElementsAre(ElementsAre(15, 15), ElementsAre(kAll, 7)));
}

TEST(FairSharesTest, AllOfItIsShared) {
  EXPECT_THAT(FairShares(100, {{.wants = {kAll, kAll, kAll}}}),
              ElementsAre(ElementsAre(33, 33, 34)));
  EXPECT_THAT(FairShares(100, {}), ElementsAre());
  EXPECT_THAT(FairShares(100, {{}, {.wants = {kAll}}}),
              ElementsAre(ElementsAre(), ElementsAre(100)));
}

}  // namespace
}  // namespace tcptool::server
