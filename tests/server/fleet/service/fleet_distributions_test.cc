// What clients get from a node of a fleet.
#include "server/fleet/service/fleet_distributions.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/fleet/service/distribution_creation.h"
#include "tests/server/error_reason.h"
#include "tests/server/fleet/service/serving_node.h"

namespace tcptool::fleet {
namespace {

class FleetDistributionsTest : public ::testing::Test {
 protected:
  FleetDistributionsTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(3);
    node_.Read();
  }

  // Has the outcome of the next transaction of `node` be so.
  static void FateOfNext(ServingNode& node, Fate fate) {
    node.connection().fate = [&node, fate](const etcdserverpb::TxnRequest&) {
      node.connection().fate = nullptr;
      return fate;
    };
  }
  size_t Specs() { return fleet_.State().distributions().size(); }

  asio::io_context thread_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  TestFleet fleet_;
  ServingNode node_{thread_, fleet_};
};

TEST_F(FleetDistributionsTest, WhatIsMadeIsThereAtOnce) {
  api::CreateDistributionRequest request = RequestToAll("image");
  request.mutable_distribution()
      ->mutable_spec()
      ->mutable_expire_after()
      ->set_seconds(60);
  const auto made = node_.Create(request);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name(), "distributions/image");
  EXPECT_EQ(made->state(), api::DISTRIBUTION_STATE_PLANNING);
  EXPECT_EQ(made->counts().expected(), 3);
  EXPECT_EQ(made->expire_time().seconds(), 1'000'060);
  const auto found = node_.table().Get("distributions/image");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->SerializeAsString(), made->SerializeAsString());
  // The coordinator understands it.
  fleet_.Coordinate({}, node_.now);
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_RUNNING);
}

TEST_F(FleetDistributionsTest, WhatIsValidatedIsNotMade) {
  api::CreateDistributionRequest request = RequestToAll("image");
  request.set_request_id("once");
  request.set_validate_only(true);
  const auto checked = node_.Create(request);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->name(), "");
  EXPECT_EQ(checked->uid(), "");
  EXPECT_EQ(checked->etag(), "");
  EXPECT_FALSE(checked->has_create_time());
  EXPECT_TRUE(checked->has_spec());
  EXPECT_EQ(checked->counts().expected(), 3);
  EXPECT_EQ(Specs(), 0U);
  request.set_validate_only(false);
  ASSERT_TRUE(node_.Create(request).ok());
  request.set_validate_only(true);
  EXPECT_TRUE(absl::IsAlreadyExists(node_.Create(request).status()));
  request.mutable_distribution()->mutable_spec()->clear_destination();
  EXPECT_TRUE(absl::IsInvalidArgument(node_.Create(request).status()));
}

TEST_F(FleetDistributionsTest, UidTellsOneFromTheNextOfItsName) {
  const auto made = node_.Create(RequestToAll("image"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->uid().size(), 36U);
  ASSERT_TRUE(node_.Delete(made->name(), /*force=*/true).ok());
  const auto again = node_.Create(RequestToAll("image"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(again->uid(), made->uid());
}

TEST_F(FleetDistributionsTest, BasicViewHasNoSpec) {
  const auto made = node_.Create(RequestToAll("image"));
  ASSERT_TRUE(made.ok()) << made.status();
  const auto basic = node_.table().Get(made->name(), api::VIEW_BASIC);
  ASSERT_TRUE(basic.ok()) << basic.status();
  EXPECT_FALSE(basic->spec().has_file());
  EXPECT_EQ(basic->counts().expected(), 3);
  EXPECT_TRUE(node_.table().Get(made->name())->spec().has_file());
}

TEST_F(FleetDistributionsTest, DeleteOfWhatIsNotThereMayBeAllowed) {
  api::DeleteDistributionRequest request;
  request.set_name("distributions/image");
  request.set_allow_missing(true);
  std::optional<absl::Status> answer;
  node_.service().Delete(
      request, [&answer](const absl::Status& status) { answer = status; });
  node_.RunUntil([&answer] { return answer.has_value(); });
  EXPECT_EQ(*answer, absl::OkStatus());
}

TEST_F(FleetDistributionsTest, AnIdThatIsTakenIsRefused) {
  ASSERT_TRUE(node_.Create(RequestToAll("image")).ok());
  EXPECT_TRUE(
      absl::IsAlreadyExists(node_.Create(RequestToAll("image")).status()));
}

TEST_F(FleetDistributionsTest, WithoutAnIdEachCallMakesOne) {
  const auto one = node_.Create(RequestToAll());
  const auto other = node_.Create(RequestToAll());
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(one->name(), other->name());
}

TEST_F(FleetDistributionsTest, ARequestMakesOneAtWhicheverNodes) {
  ServingNode other(thread_, fleet_);
  other.Read();
  api::CreateDistributionRequest request = RequestToAll();
  request.set_request_id("a/request");
  const auto made = node_.Create(request);
  const auto again = other.Create(request);
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->name(), made->name());
  EXPECT_EQ(Specs(), 1U);
  request.set_distribution_id("x");
  EXPECT_TRUE(absl::IsAlreadyExists(node_.Create(request).status()));
}

TEST_F(FleetDistributionsTest, ARequestWhoseDistributionIsGoneMakesNoOther) {
  api::CreateDistributionRequest request = RequestToAll("image");
  request.set_request_id("r");
  ASSERT_TRUE(node_.Create(request).ok());
  ASSERT_TRUE(node_.Delete("distributions/image", true).ok());
  EXPECT_TRUE(absl::IsNotFound(node_.Create(request).status()));
  // Also if another one has the name.
  ASSERT_TRUE(node_.Create(RequestToAll("image")).ok());
  EXPECT_TRUE(absl::IsNotFound(node_.Create(request).status()));
}

TEST_F(FleetDistributionsTest, ACreationWhoseOutcomeIsUnknownMakesOne) {
  for (const Fate fate : {Fate::kAnswerLost, Fate::kRequestLost}) {
    for (const std::string request_id : {"", "r"}) {
      api::CreateDistributionRequest request = RequestToAll();
      if (!request_id.empty()) {
        request.set_request_id(absl::StrCat(request_id, Specs()));
      }
      const size_t before = Specs();
      FateOfNext(node_, fate);
      const auto made = node_.Create(request);
      ASSERT_TRUE(made.ok()) << made.status();
      EXPECT_EQ(Specs(), before + 1);
    }
  }
}

TEST_F(FleetDistributionsTest, AnOverviewHasEachTargetAndWhereItIs) {
  ASSERT_TRUE(node_.Create(RequestToAll("image")).ok());
  fleet_.Coordinate({}, node_.now);
  fleet_.KillNode("n2");
  fleet_.PutDelivery("image", "n1", v1::DELIVERY_STATE_DELIVERED);
  node_.RunUntil([&] {
    return node_.table().Get("distributions/image")->counts().delivered() == 1;
  });
  const auto overview = node_.GetOverview("distributions/image");
  ASSERT_TRUE(overview.ok()) << overview.status();
  EXPECT_EQ(overview->distribution.counts().delivered(), 1);
  EXPECT_EQ(overview->distribution.spec().file().node(), "source");
  EXPECT_TRUE(overview->source.is_there);
  EXPECT_EQ(overview->source.rack, "r");
  ASSERT_EQ(overview->targets.size(), 3U);
  EXPECT_EQ(overview->targets[0].delivery.node(), "n1");
  EXPECT_EQ(overview->targets[0].delivery.state(),
            api::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(overview->targets[0].place.rack, "r");
  EXPECT_FALSE(overview->targets[1].place.is_there);
  EXPECT_FALSE(overview->targets[1].delivery.parent().empty());
  EXPECT_TRUE(
      absl::IsNotFound(node_.GetOverview("distributions/none").status()));
}

TEST_F(FleetDistributionsTest, ThereIsABoundOfDistributions) {
  for (int i = 0; i < 1000; ++i) {
    fleet_.AddDistribution(absl::StrCat("d", i));
  }
  node_.RunUntil([&] { return node_.table().Get("distributions/d999").ok(); });
  api::CreateDistributionRequest request = RequestToAll();
  EXPECT_EQ(server::ReasonOf(node_.Create(request).status()),
            "TOO_MANY_DISTRIBUTIONS");
  request.set_request_id("r");
  EXPECT_EQ(server::ReasonOf(node_.Create(request).status()),
            "TOO_MANY_DISTRIBUTIONS");
}

TEST_F(FleetDistributionsTest, ErrorsOfEtcdAreToldAsTheyAre) {
  FateOfNext(node_, Fate::kRefused);
  EXPECT_EQ(server::ReasonOf(node_.Create(RequestToAll()).status()),
            "ETCD_UNAVAILABLE");
  EXPECT_EQ(Specs(), 0U);
}

TEST_F(FleetDistributionsTest, AnOutcomeThatStaysUnknownIsToldAsUnknown) {
  node_.connection().fate = [](const etcdserverpb::TxnRequest&) {
    return Fate::kAnswerLost;
  };
  EXPECT_EQ(server::ReasonOf(node_.Create(RequestToAll()).status()),
            "OUTCOME_UNKNOWN");
  EXPECT_EQ(Specs(), 1U);
}

TEST_F(FleetDistributionsTest, CancelIsForTheCoordinator) {
  const auto made = node_.Create(RequestToAll("image"));
  ASSERT_TRUE(made.ok());
  EXPECT_TRUE(absl::IsAborted(node_.Cancel(made->name(), "\"old\"").status()));
  ASSERT_TRUE(node_.Cancel(made->name(), made->etag()).ok());
  ASSERT_TRUE(node_.Cancel(made->name()).ok());
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("image").state(), v1::DISTRIBUTION_STATE_CANCELLED);
  EXPECT_TRUE(absl::IsNotFound(node_.Cancel("distributions/other").status()));
}

// The node has not heard yet that the distribution is RUNNING: etcd refuses the
// step that was made from its being PLANNING.
TEST_F(FleetDistributionsTest, ACommandIsMadeAnewFromWhatThereIs) {
  const auto made = node_.Create(RequestToAll("image"));
  ASSERT_TRUE(made.ok());
  fleet_.Coordinate();
  EXPECT_TRUE(
      absl::IsAborted(node_.Cancel(made->name(), made->etag()).status()));
}

TEST_F(FleetDistributionsTest, DeletesWhatIsFinishedWithAllItsKeys) {
  const auto made = node_.Create(RequestToAll("image"));
  ASSERT_TRUE(made.ok());
  fleet_.Coordinate();
  EXPECT_EQ(node_.Delete(made->name()).code(),
            absl::StatusCode::kFailedPrecondition);
  for (const std::string node : {"n1", "n2", "n3"}) {
    fleet_.PutDelivery("image", node, v1::DELIVERY_STATE_DELIVERED);
  }
  fleet_.Coordinate();
  node_.RunUntil([&] {
    return node_.table().Get(made->name())->state() ==
           api::DISTRIBUTION_STATE_SUCCEEDED;
  });
  EXPECT_EQ(node_.table().Get(made->name())->counts().delivered(), 3);
  FateOfNext(node_, Fate::kAnswerLost);
  EXPECT_EQ(node_.Delete(made->name()), absl::OkStatus());
  EXPECT_EQ(Specs(), 0U);
  EXPECT_TRUE(absl::IsNotFound(node_.table().Get(made->name()).status()));
  EXPECT_TRUE(absl::IsNotFound(node_.Delete(made->name())));
}

TEST_F(FleetDistributionsTest, ListsDeliveriesWithTheirParents) {
  ASSERT_TRUE(node_.Create(RequestToAll("image")).ok());
  fleet_.Coordinate();
  fleet_.PutDelivery("image", "n1", v1::DELIVERY_STATE_FAILED);
  fleet_.PutDelivery("image", "n2", v1::DELIVERY_STATE_DELIVERED);
  node_.RunUntil([&] {
    return node_.table().Get("distributions/image")->counts().delivered() == 1;
  });
  node_.progress = {
      {"n1", {.bytes_received = 1}},
      {"n3", {.bytes_received = 5, .bytes_per_second = 2, .time = node_.now}}};
  api::ListDeliveriesRequest request;
  request.set_parent("distributions/image");
  request.set_page_size(2);
  auto page = node_.ListDeliveries(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->deliveries_size(), 2);
  EXPECT_EQ(page->deliveries(0).name(), "distributions/image/deliveries/n1");
  EXPECT_EQ(page->deliveries(0).state(), api::DELIVERY_STATE_FAILED);
  EXPECT_EQ(page->deliveries(0).detail(), "no space");
  EXPECT_FALSE(page->deliveries(0).has_bytes_received()) << "It is over.";
  EXPECT_FALSE(page->deliveries(1).has_bytes_received()) << "It is not known.";
  EXPECT_EQ(page->deliveries(1).content_root(),
            "7272727272727272727272727272727272727272727272727272727272727272");
  request.set_page_token(page->next_page_token());
  page = node_.ListDeliveries(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->deliveries_size(), 1);
  EXPECT_EQ(page->deliveries(0).node(), "n3");
  EXPECT_EQ(page->deliveries(0).state(), api::DELIVERY_STATE_EXPECTED);
  EXPECT_EQ(page->deliveries(0).parent(), "n2");
  EXPECT_EQ(page->deliveries(0).epoch(), 1);
  EXPECT_EQ(page->deliveries(0).bytes_received(), 5);
  EXPECT_EQ(page->deliveries(0).bytes_per_second(), 2);
  EXPECT_EQ(page->deliveries(0).progress_time().seconds(), 1'000'000);
  const auto delivery = node_.GetDelivery("distributions/image/deliveries/n3");
  ASSERT_TRUE(delivery.ok()) << delivery.status();
  EXPECT_EQ(delivery->bytes_received(), 5);
  EXPECT_EQ(node_.GetNode("nodes/n3")->node(), "n3");
  const auto overview = node_.GetOverview("distributions/image");
  ASSERT_TRUE(overview.ok()) << overview.status();
  EXPECT_EQ(overview->targets[2].delivery.bytes_received(), 5);
  EXPECT_EQ(page->next_page_token(), "");
  request.set_parent("distributions/other");
  request.clear_page_token();
  EXPECT_TRUE(absl::IsNotFound(node_.ListDeliveries(request).status()));
}

TEST_F(FleetDistributionsTest, ListsNodesByTheirNames) {
  api::ListNodesRequest request;
  request.set_page_size(3);
  auto page = node_.ListNodes(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->nodes_size(), 3);
  EXPECT_EQ(page->nodes(0).name(), "nodes/n1");
  EXPECT_EQ(page->nodes(0).peer_address(), "n1:7000");
  // One that is gone is skipped.
  fleet_.KillNode("source");
  fleet_.AddNode("z");
  node_.RunUntil([&] {
    const auto all = node_.ListNodes({});
    return all.ok() && all->nodes(all->nodes_size() - 1).node() == "z";
  });
  request.set_page_token(page->next_page_token());
  page = node_.ListNodes(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->nodes_size(), 1);
  EXPECT_EQ(page->nodes(0).node(), "z");
}

TEST_F(FleetDistributionsTest, WhatIsMadeIsThereAlsoWhenEtcdHasGoneBack) {
  const MemoryEtcd backup = fleet_.etcd();
  ASSERT_TRUE(node_.Create(RequestToAll("lost")).ok());
  fleet_.Coordinate();
  fleet_.etcd().Restore(backup);
  node_.connection().EndWatches();
  node_.RunUntil([this] {
    return absl::IsNotFound(node_.table().Get("distributions/lost").status());
  });
  const auto made = node_.Create(RequestToAll("image"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name(), "distributions/image");
}

TEST_F(FleetDistributionsTest, AllIsAnsweredWhenItStops) {
  absl::Status status;
  node_.connection().Cut();
  node_.service().Create(RequestToAll(), "", [&status](const auto& made) {
    status = made.status();
  });
  thread_.poll();
  EXPECT_EQ(status, absl::OkStatus());
  node_.service().Stop();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::IsUnavailable(node_.Create(RequestToAll()).status()));
}

TEST(FleetRequestsTest, NoMoreIdsAreRememberedThanTheBound) {
  asio::io_context thread;
  const auto work = asio::make_work_guard(thread);
  TestFleet fleet;
  fleet.AddNode("source");
  for (size_t i = 1; i < DistributionCreation::kMaxRequests; ++i) {
    fleet.etcd().Put(fleet.keys().Request(absl::StrCat(i)), "");
  }
  ServingNode node(thread, fleet);
  node.Read();
  api::CreateDistributionRequest request = RequestToAll();
  request.set_request_id("the last");
  const auto made = node.Create(request);
  ASSERT_TRUE(made.ok()) << made.status();
  // What is remembered is answered, and nothing else that has an id.
  const auto again = node.Create(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->name(), made->name());
  request.set_request_id("another");
  EXPECT_EQ(server::ReasonOf(node.Create(request).status()),
            "TOO_MANY_DISTRIBUTIONS");
  fleet.etcd().Delete(fleet.keys().Request("1"));
  // This is answered when the node has seen that.
  EXPECT_TRUE(node.Create(RequestToAll()).ok());
  EXPECT_TRUE(node.Create(request).ok());
}

}  // namespace
}  // namespace tcptool::fleet
