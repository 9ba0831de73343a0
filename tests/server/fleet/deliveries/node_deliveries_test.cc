#include "server/fleet/deliveries/node_deliveries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/receiving/manifest.h"
#include "messages/states.h"
#include "tests/server/fleet/deliveries/receiving_node.h"
#include "tests/server/hanging_root.h"

namespace tcptool::fleet {
namespace {

using dataplane::Digest;
using dataplane::ManifestOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(NodeDeliveriesTest, ReceivesAndTellsWhatItHas) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  const auto reception = table_->Get(name());
  EXPECT_EQ(reception->spec().labels().at(NodeDeliveries::kLabel), "images-v2");
  EXPECT_EQ(reception->spec().node().name(), "distributions/images-v2");
  EXPECT_EQ(reception->spec().node().certificate_name(), "n1");
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(states_.front(), v1::DELIVERY_STATE_WAITING);
  const Digest root = Root(ManifestOf(TheContent()));
  EXPECT_EQ(
      last_.content.root(),
      std::string(reinterpret_cast<const char*>(root.data()), root.size()));
  EXPECT_EQ(last_.content.length(), TheContent().size());
  const auto content = Wait<PeerContents::Found>(
      [&](auto done) { contents_->Find("distributions/images-v2", done); });
  EXPECT_TRUE(content.ok()) << content.status();
}

TEST_F(NodeDeliveriesTest, LimitsWhatIsSentOfIt) {
  using Limits = server::DistributedContents::Limits;
  const std::string name = "distributions/images-v2";
  EXPECT_EQ(contents_->LimitsOf(name), Limits());
  ScriptedSender sender;
  Receive(sender);
  deliveries_->Limit(id_, {.total = 1000, .each = 300});
  const Limits limits = {.total = 1000, .each = 300};
  EXPECT_EQ(contents_->LimitsOf(name), limits);
  // That was another one of the name.
  deliveries_->Limit({.distribution = "images-v2", .revision = 6}, {});
  EXPECT_EQ(contents_->LimitsOf(name), limits);
  EXPECT_EQ(contents_->LimitsOf("receptions/images-v2"), Limits());
  deliveries_->Release(id_);
  EXPECT_EQ(contents_->LimitsOf(name), Limits());
}

TEST_F(NodeDeliveriesTest, TellsWhyItHasFailed) {
  ScriptedSender sender;
  Receive(sender, Spec("no/such/directory"));
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_THAT(last_.detail, HasSubstr("no/such"));
  EXPECT_FALSE(table_->contains(name()));
}

TEST_F(NodeDeliveriesTest, ReplacesNoFileUnlessItMay) {
  folder_.Put("copy", "of somebody");
  ScriptedSender sender;
  Receive(sender);
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  // One that had been delivered is in the place of its own.
  deliveries_->Release(id_);
  Receive(sender, Spec(), true);
  RunUntil([&] { return table_->contains(name()); });
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(folder_.Get("copy"), TheContent());
}

TEST_F(NodeDeliveriesTest, CancelsAndRemovesWhatIsReleased) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  ASSERT_EQ(sender.AcceptAndReadByte(), 0);
  ASSERT_TRUE(sender.Send("a part"));
  RunUntilState(v1::DELIVERY_STATE_RECEIVING);
  RunUntil([&] { return deliveries_->Received(id_)->received == 6; });
  deliveries_->Release(id_);
  EXPECT_FALSE(deliveries_->Received(id_));
  RunUntil([&] { return IsReception(tcptool::v1::RECEPTION_STATE_CANCELLED); });
  WaitForNames({});
  EXPECT_EQ(last_.state, v1::DELIVERY_STATE_RECEIVING) << "It told no more.";
  EXPECT_FALSE(places_.Find("images-v2").has_value());
}

TEST_F(NodeDeliveriesTest, TellsThatItHasWhatIsCancelledTooLate) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  Send(sender, TheContent());
  // Nobody looks meanwhile.
  WaitForState(name(), tcptool::v1::RECEPTION_STATE_SUCCEEDED);
  DeliveryProgress kept{.state = v1::DELIVERY_STATE_UNSPECIFIED};
  const auto remember = [&](const DeliveryProgress& told) { kept = told; };
  deliveries_->Cancel(id_, remember);
  RunUntil([&] { return kept.state == v1::DELIVERY_STATE_DELIVERED; });
  EXPECT_EQ(kept.content.length(), TheContent().size());
  EXPECT_NE(last_.state, v1::DELIVERY_STATE_DELIVERED);
  // The next run of the process has never looked.
  kept.state = v1::DELIVERY_STATE_UNSPECIFIED;
  deliveries_.reset();
  Begin();
  deliveries_->KeepOnly({});
  deliveries_->Cancel(id_, remember);
  RunUntil([&] { return kept.state == v1::DELIVERY_STATE_DELIVERED; });
  EXPECT_EQ(folder_.Get("copy"), TheContent());
}

TEST_F(NodeDeliveriesTest, TellsNothingOfWhatIsCancelledInTime) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  ASSERT_EQ(sender.AcceptAndReadByte(), 0);
  bool is_kept = false;
  deliveries_->Cancel(
      id_, [&](const DeliveryProgress& /*kept*/) { is_kept = true; });
  // It is begun once the answer has been looked at.
  Receive(sender);
  last_.state = v1::DELIVERY_STATE_UNSPECIFIED;
  RunUntilState(v1::DELIVERY_STATE_WAITING);
  EXPECT_FALSE(is_kept);
}

TEST_F(NodeDeliveriesTest, IsReleasedAlsoWhileItIsBeingMade) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return !states_.empty(); });
  deliveries_->Release(id_);
  Receive(sender);
  RunUntil([&] {
    return states_.size() == 2 &&
           (IsReception(tcptool::v1::RECEPTION_STATE_CONNECTING) ||
            IsReception(tcptool::v1::RECEPTION_STATE_WAITING));
  });
}

TEST_F(NodeDeliveriesTest, TriesAgainWhatHasFailed) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  ASSERT_EQ(sender.AcceptAndReadByte(), 0);
  ASSERT_TRUE(sender.Send("a part"));
  RunUntilState(v1::DELIVERY_STATE_RECEIVING);
  sender.Reset();
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_THAT(last_.detail, HasSubstr("CONNECTION_LOST: "));
  deliveries_->Release(id_);
  Receive(sender);
  RunUntilState(v1::DELIVERY_STATE_WAITING);
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(NodeDeliveriesTest, TakesUpWhatIsThere) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  ASSERT_EQ(sender.AcceptAndReadByte(), 0);
  deliveries_.reset();
  ASSERT_TRUE(sender.Send(TheContent()));
  sender.End();
  WaitForState(name(), tcptool::v1::RECEPTION_STATE_SUCCEEDED);
  Begin();
  deliveries_->KeepOnly({id_});
  Receive(sender);
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(NodeDeliveriesTest, GivesToOthersWhatItHasWithoutAnybodyToHaveItFrom) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  deliveries_.reset();
  states_.clear();
  Begin();
  deliveries_->Receive(id_, Spec(), {}, true, Remember());
  RunUntil([&] { return !states_.empty(); });
  EXPECT_THAT(states_, ElementsAre(v1::DELIVERY_STATE_DELIVERED));
  const auto content = Wait<PeerContents::Found>(
      [&](auto done) { contents_->Find("distributions/images-v2", done); });
  EXPECT_TRUE(content.ok()) << content.status();
}

TEST_F(NodeDeliveriesTest, TellsThatAFileThatWasChangedIsNotGiven) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(last_.not_given, "");
  folder_.Put("copy", "of somebody");
  const auto content = Wait<PeerContents::Found>(
      [&](auto done) { contents_->Find("distributions/images-v2", done); });
  if (content.ok()) {
    ASSERT_TRUE(server::WaitUntil([&] { return !(*content)->error().ok(); }));
    contents_->Purge(PeerContents::Clock::now());
  }
  RunUntil([&] { return !last_.not_given.empty(); });
  EXPECT_EQ(last_.state, v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(last_.content.length(), TheContent().size());
}

TEST_F(NodeDeliveriesTest, TellsThatWhatWasDeletedIsNotGiven) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  tcptool::v1::DeleteReceptionRequest request;
  request.set_name(name());
  EXPECT_TRUE(Wait<absl::Status>([&](auto done) {
                manager_->Delete(request, done);
              }).ok());
  RunUntil([&] { return !last_.not_given.empty(); });
  EXPECT_THAT(last_.not_given, HasSubstr("deleted"));
}

TEST_F(NodeDeliveriesTest, WaitsForSomebodyToHaveItFrom) {
  ScriptedSender sender;
  deliveries_->Receive(id_, Spec(), {}, true, Remember());
  RunUntilState(v1::DELIVERY_STATE_WAITING);
  EXPECT_FALSE(table_->contains(name()));
  deliveries_->Reparent(id_,
                        {{"n1", absl::StrCat("127.0.0.1:", sender.port())}});
  RunUntil([&] { return table_->contains(name()); });
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(NodeDeliveriesTest, TellsWhomItHasLeft) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  moves_.Add(name(), {.from = absl::StrCat("127.0.0.1:", sender.port()),
                      .to = "192.0.2.1:7",
                      .reason = "it was reset " + std::string(600, 'x'),
                      .offset = 5});
  RunUntil([&] { return !last_.moves.empty(); });
  EXPECT_EQ(last_.moves[0].from(), "n1");
  EXPECT_EQ(last_.moves[0].to(), "192.0.2.1:7") << "Nobody knows its name.";
  EXPECT_EQ(last_.moves[0].reason(), "it was reset " + std::string(487, 'x'));
  EXPECT_EQ(last_.moves[0].offset(), 5);
  EXPECT_TRUE(last_.moves[0].is_fault());
  // What has happened stays.
  for (int i = 0; i < 10; ++i) moves_.Add(name(), {.offset = 6});
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(last_.moves.size(), server::ParentMoves::kMost);
}

TEST_F(NodeDeliveriesTest, KeepsOnlyWhatItIsTold) {
  ScriptedSender sender;
  Receive(sender);
  RunUntil([&] { return table_->contains(name()); });
  ASSERT_EQ(sender.AcceptAndReadByte(), 0);
  ScriptedSender sender_of_client;
  const auto other = Receiving(sender_of_client, "of a client", "a part");
  deliveries_.reset();
  Begin();
  deliveries_->KeepOnly({{.distribution = "images-v2", .revision = 8}});
  RunUntil([&] { return IsReception(tcptool::v1::RECEPTION_STATE_CANCELLED); });
  EXPECT_FALSE(IsFinal(table_->Get(other.name())->state()));
}

TEST_F(NodeDeliveriesTest, WaitsForItsTurn) {
  std::vector<std::unique_ptr<ScriptedSender>> senders;
  for (size_t i = 0; i < manager_->options().max_running; ++i) {
    senders.push_back(std::make_unique<ScriptedSender>());
    ASSERT_TRUE(
        Create(RequestOf(*senders.back(), absl::StrCat("file", i))).ok());
  }
  ScriptedSender sender;
  Receive(sender);
  RunUntilState(v1::DELIVERY_STATE_WAITING);
  ASSERT_EQ(senders.front()->AcceptAndReadByte(), 0);
  senders.front()->End();
  RunUntil([&] { return table_->contains(name()); });
  EXPECT_THAT(states_, Each(v1::DELIVERY_STATE_WAITING));
}

TEST_F(NodeDeliveriesTest, OffersAFile) {
  v1::FileSource file;
  file.set_root("files");
  file.set_path("file");
  deliveries_->Offer(id_, file, Remember());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(last_.content.length(), TheContent().size());
  const std::weak_ptr<server::PeerContent> content = *Wait<PeerContents::Found>(
      [&](auto done) { contents_->Find("distributions/images-v2", done); });
  EXPECT_FALSE(content.expired());
  deliveries_->Release(id_);
  EXPECT_FALSE(places_.Find("images-v2").has_value());
  EXPECT_TRUE(server::WaitUntil([&] { return content.expired(); }))
      << "Its file is not kept open.";
}

TEST_F(NodeDeliveriesTest, TellsThatThereIsNoSuchFile) {
  v1::FileSource file;
  file.set_root("files");
  file.set_path("none");
  deliveries_->Offer(id_, file, Remember());
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_THAT(last_.detail, HasSubstr("none"));
}

class HangingRootTest : public NodeDeliveriesTest {
 protected:
  HangingRootTest() : NodeDeliveriesTest(absl::Seconds(1)) {}

  // Until it is told which root it is.
  void RunUntilItWaitsFor(const std::string& root) {
    RunUntil([&] {
      return absl::StrContains(last_.detail,
                               absl::StrCat("root \"", root, "\""));
    });
    EXPECT_EQ(last_.state, v1::DELIVERY_STATE_WAITING);
  }
};

TEST_F(HangingRootTest, WhatIsReceivedIntoItSaysSoAndWaits) {
  const server::HangingRoot disk(roots_, "disk");
  disk.Hang();
  ScriptedSender sender;
  Receive(sender);
  RunUntilItWaitsFor("disk");
  disk.Answer();
  RunUntil([&] { return table_->contains(name()); });
  RunUntil([&] { return last_.detail.empty(); });
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(HangingRootTest, WhatIsOfferedFromItSaysSoAndWaits) {
  const server::HangingRoot files(roots_of_files_, "files");
  files.Hang();
  v1::FileSource file;
  file.set_root("files");
  file.set_path("file");
  deliveries_->Offer(id_, file, Remember());
  RunUntilItWaitsFor("files");
  files.Answer();
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(last_.detail, "");
}

}  // namespace
}  // namespace tcptool::fleet
