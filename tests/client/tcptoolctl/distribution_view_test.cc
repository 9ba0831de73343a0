#include "client/tcptoolctl/distribution_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "client/tcptoolctl/json.h"

namespace tcptool {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

v1::WatchDistributionsResponse Change(v1::DistributionState state) {
  v1::WatchDistributionsResponse response;
  v1::Distribution& distribution =
      *response.add_changes()->mutable_distribution();
  distribution.set_name("distributions/first");
  distribution.set_state(state);
  distribution.mutable_spec()->mutable_file()->set_node("a");
  return response;
}

DistributionView::Look Look(v1::DeliveryState state) {
  DistributionView::Look look;
  v1::Delivery& delivery = look.deliveries.emplace_back();
  delivery.set_node("b");
  delivery.set_parent("a");
  delivery.set_state(state);
  for (const char* const node : {"a", "b"}) {
    v1::FleetNode& there = look.nodes.emplace_back();
    there.set_node(node);
    there.set_rack("r1");
  }
  return look;
}

class DistributionViewTest : public testing::Test {
 protected:
  // The lines that it has written since the last call.
  std::vector<std::string> Written() {
    const std::string text = std::exchange(out_, std::ostringstream()).str();
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }

  std::ostringstream out_;
};

TEST_F(DistributionViewTest, JsonHasANodeAnewWhereItHasChanged) {
  DistributionView view(DistributionView::Style::kJson, out_, nullptr);
  const v1::WatchDistributionsResponse running =
      Change(v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_TRUE(view.Update(running));
  EXPECT_THAT(Written(), ElementsAre(Json(running.changes(0).distribution())));
  view.Take(Look(v1::DELIVERY_STATE_WAITING));
  EXPECT_THAT(Written(), ElementsAre(R"({"node":"a","rack":"r1"})",
                                     HasSubstr("DELIVERY_STATE_WAITING")));
  view.Take(Look(v1::DELIVERY_STATE_WAITING));
  EXPECT_THAT(Written(), IsEmpty());
  view.Take(Look(v1::DELIVERY_STATE_RECEIVING));
  EXPECT_THAT(Written(), ElementsAre(HasSubstr("DELIVERY_STATE_RECEIVING")));
}

TEST_F(DistributionViewTest, JsonEndsWithTheDistribution) {
  DistributionView view(DistributionView::Style::kJson, out_, nullptr);
  const v1::WatchDistributionsResponse ended =
      Change(v1::DISTRIBUTION_STATE_SUCCEEDED);
  EXPECT_FALSE(view.Update(ended));
  EXPECT_THAT(Written(), IsEmpty());
  view.Take(Look(v1::DELIVERY_STATE_DELIVERED));
  view.End();
  EXPECT_THAT(Written(), ElementsAre(R"({"node":"a","rack":"r1"})",
                                     HasSubstr("DELIVERY_STATE_DELIVERED"),
                                     Json(ended.changes(0).distribution())));
  EXPECT_EQ(view.Result().value().state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
}

TEST_F(DistributionViewTest, LinesTellOfChangesAndNotOfWhatStays) {
  DistributionView view(DistributionView::Style::kLines, out_, nullptr);
  EXPECT_TRUE(view.Update(Change(v1::DISTRIBUTION_STATE_RUNNING)));
  EXPECT_THAT(Written(), ElementsAre(HasSubstr("RUNNING")));
  EXPECT_TRUE(view.Update(Change(v1::DISTRIBUTION_STATE_RUNNING)));
  view.Take(Look(v1::DELIVERY_STATE_EXPECTED));
  EXPECT_THAT(Written(), IsEmpty());
  view.Take(Look(v1::DELIVERY_STATE_RECEIVING));
  EXPECT_THAT(Written(), ElementsAre("b: RECEIVING from a"));
  view.Take(Look(v1::DELIVERY_STATE_RECEIVING));
  EXPECT_THAT(Written(), IsEmpty());
}

TEST_F(DistributionViewTest, LinesTellOfAMoveWhenTheWatchDoesAndOnce) {
  DistributionView view(DistributionView::Style::kLines, out_, nullptr);
  view.Update(Change(v1::DISTRIBUTION_STATE_RUNNING));
  view.Take(Look(v1::DELIVERY_STATE_RECEIVING));
  Written();
  v1::WatchDistributionsResponse moved;
  v1::DeliveryMove& change = *moved.add_changes()->mutable_move();
  change.set_delivery("distributions/first/deliveries/b");
  change.mutable_move()->set_from_node("a");
  change.mutable_move()->set_to_node("c");
  change.mutable_move()->set_reason("nothing came");
  change.mutable_move()->mutable_move_time()->set_seconds(1000);
  EXPECT_TRUE(view.Update(moved));
  EXPECT_THAT(Written(), ElementsAre("b: from a to c at 0 B: nothing came"));
  DistributionView::Look look = Look(v1::DELIVERY_STATE_RECEIVING);
  *look.deliveries[0].add_moves() = change.move();
  view.Take(look);
  EXPECT_THAT(Written(), IsEmpty());
  v1::ParentMove& next = *look.deliveries[0].add_moves();
  next.set_from_node("c");
  next.set_to_node("a");
  next.mutable_move_time()->set_seconds(1001);
  view.Take(look);
  EXPECT_THAT(Written(), ElementsAre(HasSubstr("b: from c to a")));
}

TEST_F(DistributionViewTest, LinesTellOfEachPercentOnce) {
  DistributionView view(DistributionView::Style::kLines, out_, nullptr);
  v1::WatchDistributionsResponse running =
      Change(v1::DISTRIBUTION_STATE_RUNNING);
  running.mutable_changes(0)->mutable_distribution()->set_content_length(8000);
  view.Update(running);
  DistributionView::Look look = Look(v1::DELIVERY_STATE_RECEIVING);
  view.Take(look);
  Written();
  look.deliveries[0].set_bytes_received(4000);
  look.deliveries[0].set_bytes_per_second(1000);
  view.Take(look);
  EXPECT_THAT(Written(), ElementsAre("progress: 50%, 1000 B/s, 4s left"));
  look.deliveries[0].set_bytes_received(4001);
  view.Take(look);
  EXPECT_THAT(Written(), IsEmpty());
  look.deliveries[0].set_bytes_received(4080);
  view.Take(look);
  EXPECT_THAT(Written(), ElementsAre(HasSubstr("51%")));
}

TEST_F(DistributionViewTest, LinesTellOfTheNodeThatIsAskedIfNoMoreIsKnown) {
  DistributionView view(DistributionView::Style::kLines, out_, nullptr);
  view.Update(Change(v1::DISTRIBUTION_STATE_RUNNING));
  DistributionView::Look look = Look(v1::DELIVERY_STATE_RECEIVING);
  look.reception.emplace().set_state(v1::RECEPTION_STATE_RECEIVING);
  view.Take(look);
  EXPECT_THAT(Written(), Contains(HasSubstr("this node: RECEIVING")));
  look.deliveries[0].set_bytes_received(4000);
  view.Take(look);
  EXPECT_THAT(Written(), ElementsAre("progress: 3.9 KiB"));
}

TEST_F(DistributionViewTest, HasNoResultOfADistributionThatWasDeleted) {
  for (const auto style :
       {DistributionView::Style::kLines, DistributionView::Style::kJson}) {
    DistributionView view(style, out_, nullptr);
    EXPECT_TRUE(view.Update(Change(v1::DISTRIBUTION_STATE_RUNNING)));
    v1::WatchDistributionsResponse deleted;
    deleted.add_changes()->set_deleted_name("distributions/first");
    EXPECT_FALSE(view.Update(deleted));
    Written();
    view.End();
    EXPECT_THAT(Written(), IsEmpty());
    EXPECT_TRUE(absl::IsNotFound(view.Result().status()));
  }
}

}  // namespace
}  // namespace tcptool
