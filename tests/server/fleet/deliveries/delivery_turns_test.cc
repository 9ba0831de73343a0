// How many distributions a node receives at a time, and which come first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/fleet/deliveries/receiving_node.h"

namespace tcptool::fleet {
namespace {

using testing::HasSubstr;

// Distributions "z", "y" and so on, which were made in this order, on a node
// that receives one at a time.
class DeliveryTurnsTest : public NodeDeliveriesTest {
 protected:
  DeliveryTurnsTest() { Begin(1); }

  static DeliveryId IdOf(const std::string& distribution) {
    return {.distribution = distribution,
            .revision = 1 + 'z' - distribution[0]};
  }
  void ReceiveOne(const std::string& distribution) {
    deliveries_->Receive(
        IdOf(distribution), Spec(distribution),
        {{"n1", absl::StrCat("127.0.0.1:", senders_[distribution].port())}},
        false, [this, distribution](const DeliveryProgress& progress) {
          told_[distribution] = progress;
        });
  }
  bool HasBegun(const std::string& distribution) {
    return table_->contains(deliveries_->NameOf(IdOf(distribution)));
  }
  void RunUntilBegun(const std::string& distribution) {
    RunUntil([&] { return HasBegun(distribution); });
  }
  void RunUntilTold(const std::string& distribution, v1::DeliveryState state) {
    RunUntil([&] {
      return told_.contains(distribution) && told_[distribution].state == state;
    });
  }

  std::map<std::string, ScriptedSender> senders_;
  std::map<std::string, DeliveryProgress> told_;  // The last of each.
};

TEST_F(DeliveryTurnsTest, OthersWaitInTheOrderInWhichTheyWereMade) {
  for (const char* distribution : {"x", "z", "y"}) ReceiveOne(distribution);
  RunUntil([&] { return HasBegun("z") && told_.size() == 3; });
  for (const char* distribution : {"x", "y"}) {
    EXPECT_FALSE(HasBegun(distribution));
    EXPECT_EQ(told_[distribution].state, v1::DELIVERY_STATE_WAITING);
    EXPECT_THAT(told_[distribution].detail, HasSubstr("--max-deliveries"));
  }
  EXPECT_EQ(told_["z"].detail, "");

  Send(senders_["z"], TheContent());
  RunUntilBegun("y");
  EXPECT_EQ(told_["z"].state, v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(told_["y"].state, v1::DELIVERY_STATE_WAITING);
  EXPECT_EQ(told_["y"].detail, "");
  EXPECT_FALSE(HasBegun("x"));
  Send(senders_["y"], TheContent());
  RunUntilBegun("x");
  EXPECT_EQ(told_["y"].state, v1::DELIVERY_STATE_DELIVERED);
  Send(senders_["x"], TheContent());
  RunUntilTold("x", v1::DELIVERY_STATE_DELIVERED);
}

// It is left for another node then, and not given up.
TEST_F(DeliveryTurnsTest, ChildrenOfOneThatWaitsAreToldThatItHasNotBegun) {
  ReceiveOne("z");
  ReceiveOne("y");
  RunUntil([&] { return told_.size() == 2; });
  const auto content = Wait<PeerContents::Found>(
      [&](auto done) { contents_->Find("distributions/y", done); });
  EXPECT_TRUE(absl::IsNotFound(content.status())) << content.status();
}

TEST_F(DeliveryTurnsTest, OneThatFailsMakesRoom) {
  ReceiveOne("z");
  ReceiveOne("y");
  RunUntilBegun("z");
  ASSERT_EQ(senders_["z"].AcceptAndReadByte(), 0);
  ASSERT_TRUE(senders_["z"].Send("a part"));
  RunUntilTold("z", v1::DELIVERY_STATE_RECEIVING);
  EXPECT_FALSE(HasBegun("y"));
  senders_["z"].Reset();
  RunUntilBegun("y");
  EXPECT_EQ(told_["z"].state, v1::DELIVERY_STATE_FAILED);
}

TEST_F(DeliveryTurnsTest, OneThatIsReleasedMakesRoom) {
  ReceiveOne("z");
  ReceiveOne("y");
  ReceiveOne("x");
  RunUntilBegun("z");
  // One that waits, too.
  deliveries_->Release(IdOf("y"));
  deliveries_->Release(IdOf("z"));
  RunUntilBegun("x");
  EXPECT_FALSE(HasBegun("y"));
}

TEST_F(DeliveryTurnsTest, WhatAnEarlierRunHasBegunGoesOn) {
  ReceiveOne("y");
  RunUntilBegun("y");
  ASSERT_EQ(senders_["y"].AcceptAndReadByte(), 0);
  deliveries_.reset();
  told_.clear();
  Begin(1);
  deliveries_->KeepOnly({IdOf("z"), IdOf("y")});
  ReceiveOne("z");
  ReceiveOne("y");
  RunUntil([&] { return told_.size() == 2; });
  EXPECT_FALSE(HasBegun("z"));
  EXPECT_THAT(told_["z"].detail, HasSubstr("--max-deliveries"));
  ASSERT_TRUE(senders_["y"].Send(TheContent()));
  senders_["y"].End();
  RunUntilBegun("z");
  EXPECT_EQ(told_["y"].state, v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(DeliveryTurnsTest, OneThatHasNobodyToHaveItFromTakesNoTurn) {
  deliveries_->Receive(
      IdOf("z"), Spec("z"), {}, true,
      [this](const DeliveryProgress& progress) { told_["z"] = progress; });
  ReceiveOne("y");
  RunUntilBegun("y");
  EXPECT_EQ(told_["z"].state, v1::DELIVERY_STATE_WAITING);
  EXPECT_EQ(told_["z"].detail, "");
}

}  // namespace
}  // namespace tcptool::fleet
