#include "server/http/distribution_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http/delivery_page.h"
#include "tests/server/http/overviews.h"

namespace tcptool::server {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kEvil[] = "<script>alert(1)</script>\"'";

// How often `part` is in `text`.
int Times(absl::string_view text, absl::string_view part) {
  int times = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++times;
  }
  return times;
}

std::string PageOf(const fleet::DistributionOverview& overview,
                   const std::string& query = "") {
  return StatusDocument(DistributionPage(overview, {.path = "/distributions/d",
                                                    .query = query}),
                        /*has_fleet=*/true)
      .body;
}

TEST(DistributionPageTest, DrawsTheTreeAndSaysTheSameInWords) {
  auto overview = NewOverview();
  AddTarget(overview, "a", "source", "r1", v1::DELIVERY_STATE_DELIVERED);
  fleet::TargetOverview& moved = AddTarget(overview, "b", "a", "r2");
  AddMove(moved, "a", "source", "the connection was reset");
  AddTarget(overview, "c", "b", "r2")
      .delivery.set_standing(v1::DELIVERY_STANDING_SLOW);
  fleet::TargetOverview& failed =
      AddTarget(overview, "d", "b", "r2", v1::DELIVERY_STATE_FAILED);
  failed.delivery.set_detail("no space");
  failed.place = {};
  const std::string page = PageOf(overview);
  // The picture: a row each, lines from the source on, frames around three.
  EXPECT_EQ(Times(page, "class=\"sign\""), 5);
  EXPECT_EQ(Times(page, "class=\"line\""), 3);
  EXPECT_EQ(Times(page, "class=\"line moved\""), 1);
  EXPECT_EQ(Times(page, "class=\"frame\""), 3);
  EXPECT_THAT(page, HasSubstr("<tspan class=\"alarms\">slow</tspan>"));
  EXPECT_THAT(page, HasSubstr("<tspan class=\"alarms\">moved once</tspan>"));
  EXPECT_THAT(page, HasSubstr("<tspan class=\"facts\">the source, rack r1<"));
  EXPECT_THAT(page, HasSubstr("<tspan class=\"facts\">failed, not there<"));
  // What a screen reader has of it.
  EXPECT_THAT(page, HasSubstr("role=\"img\" aria-labelledby=\"tree-title\""));
  EXPECT_THAT(page, HasSubstr("1 of 4 delivered, 2 receiving, 1 failed. "
                              "Failed: d. Slow: c. Moved: b. "));
  // The table.
  EXPECT_THAT(page, HasSubstr("href=\"/distributions/d/deliveries/b\""));
  EXPECT_THAT(page, HasSubstr("once, last <bdi>from a to source at 3.0 MiB: "
                              "the connection was reset</bdi>"));
  EXPECT_THAT(page, HasSubstr("<bdi>no space</bdi>"));
}

TEST(DistributionPageTest, ShowsHowFarNodesAreWhereItIsKnown) {
  auto overview = NewOverview();
  overview.distribution.set_content_length(8 << 20);
  v1::Delivery& known = AddTarget(overview, "a", "source").delivery;
  known.set_bytes_received(3 << 20);
  known.set_bytes_per_second(2 << 20);
  AddTarget(overview, "b", "a");
  const std::string page = PageOf(overview);
  EXPECT_THAT(page, HasSubstr("<tspan class=\"facts\">receiving 37%, 2.0 "
                              "MiB/s, 3s left, rack r1<"));
  EXPECT_THAT(page, HasSubstr("<tspan class=\"facts\">receiving, rack r1<"));
  EXPECT_EQ(Times(page, "<progress "), 1);
  EXPECT_THAT(page, HasSubstr("aria-label=\"distributions/d/deliveries/a: "
                              "received bytes\""));
  EXPECT_THAT(page, HasSubstr("37%, 3.0 MiB received"));
  EXPECT_THAT(page, HasSubstr("2.0 MiB/s, 3s left</span>"));
  EXPECT_EQ(
      Times(DeliveryPage(overview, "distributions/d/deliveries/a").main_html,
            "<progress "),
      1);
  EXPECT_EQ(
      Times(DeliveryPage(overview, "distributions/d/deliveries/b").main_html,
            "Progress"),
      0);
  overview.distribution.clear_content_length();
  EXPECT_EQ(Times(PageOf(overview), "<progress "), 0);
  EXPECT_THAT(PageOf(overview), HasSubstr("3.0 MiB received"));
}

TEST(DistributionPageTest, SaysHowFarAllAreTogether) {
  auto overview = NewOverview();
  AddTarget(overview, "a", "source", "r1", v1::DELIVERY_STATE_DELIVERED);
  v1::Delivery& known = AddTarget(overview, "b", "a").delivery;
  overview.distribution.set_content_length(8 << 20);
  EXPECT_THAT(PageOf(overview), Not(HasSubstr("<dt>Progress</dt>")));
  known.set_bytes_received(4 << 20);
  known.set_bytes_per_second(2 << 20);
  EXPECT_THAT(PageOf(overview), HasSubstr("75%, 2.0 MiB/s, 2s left"));
  EXPECT_THAT(PageOf(overview), HasSubstr("<dt>Progress</dt>"));
}

TEST(DistributionPageTest, SaysWhereOthersThanNodesAreServed) {
  auto overview = NewOverview();
  overview.distribution.mutable_source_serving()->set_endpoint("192.0.2.1:7");
  v1::DistributionServing& serving =
      *AddTarget(overview, "a", "source").delivery.mutable_serving();
  serving.set_endpoint("192.0.2.2:8");
  serving.set_delivered(5);
  const std::string page = PageOf(overview);
  EXPECT_THAT(page, HasSubstr("<bdi>192.0.2.1:7, 0 delivered</bdi>"));
  EXPECT_THAT(page,
              HasSubstr("<bdi>serves others: 192.0.2.2:8, 5 delivered</bdi>"));
  EXPECT_THAT(DeliveryPage(overview, "distributions/d/deliveries/a").main_html,
              HasSubstr("<bdi>192.0.2.2:8, 5 delivered</bdi>"));
}

TEST(DistributionPageTest, ANodeThatNobodySendsToStandsByItself) {
  auto overview = NewOverview();
  AddTarget(overview, "a", "", "r1", v1::DELIVERY_STATE_EXPECTED);
  AddTarget(overview, "b", "gone", "r1", v1::DELIVERY_STATE_WAITING);
  const std::string page = PageOf(overview);
  EXPECT_EQ(Times(page, "class=\"sign\""), 3);
  EXPECT_EQ(Times(page, "class=\"line"), 0);
}

TEST(DistributionPageTest, TenThousandNodesAreSummedByRack) {
  auto overview = NewOverview();
  std::string before = "source";
  for (int i = 10'000; i < 20'000; ++i) {
    const std::string node = absl::StrCat("n", i);
    AddTarget(overview, node, before, absl::StrCat("k", i / 50));
    before = node;
  }
  for (int i = 0; i < 10'000; i += 100) {
    AddMove(overview.targets[i], "x", "y", "the connection was reset");
  }
  const std::string page = PageOf(overview);
  // A hundred racks, and the others in one.
  EXPECT_EQ(Times(page, "class=\"sign\""), 101);
  EXPECT_THAT(page, HasSubstr("101 other racks"));
  EXPECT_THAT(page, HasSubstr("Failed, slow or moved: 100, the first 50"));
  // A page of nodes, and those that are noted.
  EXPECT_EQ(Times(page, "href=\"/distributions/d/deliveries/"), 150);
  EXPECT_THAT(page, HasSubstr("?page=n10100\""));
  EXPECT_LT(page.size(), 250'000U);
  const std::string last = PageOf(overview, "page=n19950");
  EXPECT_EQ(Times(last, "href=\"/distributions/d/deliveries/"), 100);
  EXPECT_THAT(last, Not(HasSubstr("?page=")));
}

TEST(DistributionPageTest, MakesNothingOfWhatOthersWrite) {
  auto overview = NewOverview();
  overview.distribution.set_detail(kEvil);
  overview.distribution.mutable_spec()->mutable_file()->set_path(kEvil);
  overview.distribution.mutable_spec()->mutable_targets()->add_racks(kEvil);
  fleet::TargetOverview& target =
      AddTarget(overview, "a", kEvil, kEvil, v1::DELIVERY_STATE_FAILED);
  target.delivery.set_detail(kEvil);
  AddMove(target, kEvil, kEvil, kEvil);
  const auto check = [&overview] {
    const std::string page = PageOf(overview);
    EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert"));
  };
  check();
  // By rack too.
  for (int i = 100; i < 200; ++i) {
    AddTarget(overview, absl::StrCat("n", i), "a");
  }
  check();
  const std::string delivery =
      DeliveryPage(overview, "distributions/d/deliveries/a").main_html;
  EXPECT_THAT(delivery, Not(HasSubstr("<script>")));
}

TEST(DeliveryPageTest, HasItsHistory) {
  auto overview = NewOverview();
  fleet::TargetOverview& target = AddTarget(overview, "a", "source");
  AddMove(target, "x", "y", "the connection was reset");
  AddMove(target, "y", "source", "the plan wants it");
  const StatusContent page =
      DeliveryPage(overview, "distributions/d/deliveries/a");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(Times(page.main_html, "<tbody>"), 1);
  EXPECT_EQ(Times(page.main_html, "1970-01-12 13:46:40</time></th>"), 2);
  EXPECT_EQ(Times(page.main_html, "3.0 MiB"), 2);
  EXPECT_LT(page.main_html.find("the connection was reset"),
            page.main_html.find("the plan wants it"));
  EXPECT_THAT(page.main_html, HasSubstr("href=\"/distributions/d\""));
}

TEST(DeliveryPageTest, OfNoTargetThereIsNone) {
  EXPECT_EQ(DeliveryPage(NewOverview(), "distributions/d/deliveries/a").status,
            404);
}

}  // namespace
}  // namespace tcptool::server
