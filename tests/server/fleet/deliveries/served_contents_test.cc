// What a node serves of its distributions to recipients that are no nodes.
#include "server/fleet/deliveries/served_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>

#include "dataplane/receiving/manifest.h"
#include "messages/states.h"
#include "tests/dataplane/receiving/receptions.h"
#include "tests/dataplane/testing.h"
#include "tests/server/fleet/deliveries/receiving_node.h"

namespace tcptool::fleet {
namespace {

using testing::HasSubstr;

class ServedContentsTest : public NodeDeliveriesTest {
 protected:
  // What others have received of it.
  static v1::Content ContentOfFile() {
    const dataplane::Digest root =
        dataplane::Root(dataplane::ManifestOf(TheContent()));
    v1::Content content;
    content.set_length(TheContent().size());
    content.set_root(root.data(), root.size());
    return content;
  }
  void ServeContent(int port = 0, bool is_source = false) {
    v1::DistributionSpec spec = Spec();
    spec.mutable_serve()->set_port(port);
    spec.mutable_file()->set_root("files");
    spec.mutable_file()->set_path("file");
    const v1::Content content = ContentOfFile();
    deliveries_->Serve(
        id_, spec, is_source ? &content : nullptr,
        [this](const v1::Serving& serving) { serving_ = serving; });
  }
  std::string session_name() const { return deliveries_->SessionNameOf(id_); }
  tcptool::v1::Session session() const {
    return session_table_.Get(session_name()).value_or(tcptool::v1::Session());
  }
  uint16_t Port() const {
    const std::string& endpoint = serving_.endpoint();
    return static_cast<uint16_t>(
        std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  }
  void RunUntilServed() {
    RunUntil([&] { return !serving_.endpoint().empty(); });
  }
  void RunUntilCancelled() {
    RunUntil([&] {
      return session().state() == tcptool::v1::SESSION_STATE_CANCELLED;
    });
  }

  v1::Serving serving_;  // As it was told last.
};

TEST(BetweenCounts, AllNodesTogetherWriteTenTimesASecond) {
  EXPECT_EQ(BetweenCounts(0), std::chrono::seconds(10));
  EXPECT_EQ(BetweenCounts(100), std::chrono::seconds(10));
  EXPECT_EQ(BetweenCounts(1'000), std::chrono::seconds(100));
}

TEST_F(ServedContentsTest, BeginsWithTheReceptionAndGoesOnAfterIt) {
  ServeContent();
  EXPECT_EQ(session().name(), "") << "There is nothing to be served yet.";
  ScriptedSender sender;
  Receive(sender);
  RunUntilServed();
  EXPECT_EQ(serving_.session(), session_name());
  EXPECT_EQ(serving_.endpoint(), session().data_endpoint());
  EXPECT_EQ(session().spec().reception().name(), name());
  EXPECT_TRUE(session().spec().start().immediate());
  EXPECT_EQ(session().spec().labels().at(NodeDeliveries::kLabel), "images-v2");
  EXPECT_FALSE(IsFinal(table_->Get(name())->state()));
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  deliveries_->Release(id_);
  EXPECT_FALSE(IsFinal(session().state()));
  deliveries_->EndServing(id_);
  RunUntilCancelled();
}

TEST_F(ServedContentsTest, TheSourceServesItsFile) {
  ServeContent(0, true);
  RunUntilServed();
  EXPECT_EQ(session().spec().file().path(), "file");
  EXPECT_EQ(session().content_length(), TheContent().size());
  dataplane::Peer recipient(Port());
  recipient.Say(1);
  const dataplane::Peer::Result result = recipient.Read();
  EXPECT_EQ(result.error, 0);
  EXPECT_TRUE(result.data == TheContent());
}

TEST_F(ServedContentsTest, NobodyGetsTheWholeOfAFileThatWasChanged) {
  std::string changed = TheContent();
  changed[0] ^= 1;
  files_.Put("file", changed);
  ServeContent(0, true);
  RunUntilServed();
  dataplane::Peer recipient(Port());
  recipient.Say(1);
  const dataplane::Peer::Result result = recipient.Read();
  EXPECT_EQ(result.error, ECONNRESET);
  EXPECT_LT(result.data.size(), changed.size());
  RunUntil([&] { return !serving_.error().empty(); });
  EXPECT_THAT(serving_.error(), HasSubstr("not what it has to be"));
}

TEST_F(ServedContentsTest, APortThatIsTakenIsToldAndTheDeliveryGoesOn) {
  const std::string other = Serve();
  const std::string endpoint = session_table_.Get(other)->listen_endpoint();
  const int port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
  ScriptedSender sender;
  Receive(sender);
  ServeContent(port);
  RunUntil([&] { return !serving_.error().empty(); });
  EXPECT_THAT(serving_.error(), HasSubstr("session.spec.listener.port: "));
  EXPECT_EQ(serving_.endpoint(), "");
  Send(sender, TheContent());
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  // It is tried again.
  CancelSession(other);
  RunUntilServed();
  EXPECT_EQ(serving_.error(), "");
}

TEST_F(ServedContentsTest, TheNextRunGoesOnWithIt) {
  ServeContent(0, true);
  RunUntilServed();
  // Another session of this name has another time.
  const std::string made = session().create_time().SerializeAsString();
  deliveries_.reset();
  serving_.Clear();
  Begin();
  deliveries_->KeepServed({id_});
  ServeContent(0, true);
  RunUntilServed();
  EXPECT_EQ(serving_.session(), session_name());
  EXPECT_EQ(session().create_time().SerializeAsString(), made);
}

TEST_F(ServedContentsTest, TheNextRunEndsWhatIsNotToBeServed) {
  const std::string other = Serve();
  ServeContent(0, true);
  RunUntilServed();
  deliveries_.reset();
  Begin();
  deliveries_->KeepServed({});
  RunUntilCancelled();
  EXPECT_FALSE(IsFinal(session_table_.Get(other)->state()));
}

TEST_F(ServedContentsTest, WhatHasEndedIsBegunAnewWhenItIsAskedForAgain) {
  ServeContent(0, true);
  RunUntilServed();
  const std::string made = session().create_time().SerializeAsString();
  deliveries_->EndServing(id_);
  serving_.Clear();
  ServeContent(0, true);
  RunUntilServed();
  EXPECT_NE(session().create_time().SerializeAsString(), made);
  EXPECT_FALSE(IsFinal(session().state()));
}

TEST_F(ServedContentsTest, EndsAlsoWhileItIsBeingMade) {
  ServeContent(0, true);
  RunUntil([&] { return session_table_.Get(session_name()).ok(); });
  deliveries_->EndServing(id_);
  RunUntilCancelled();
}

TEST_F(ServedContentsTest, OneThatIsCancelledOnTheNodeStaysSo) {
  ServeContent(0, true);
  RunUntilServed();
  CancelSession(session_name());
  RunUntil([&] { return !serving_.error().empty(); });
  EXPECT_THAT(serving_.error(), HasSubstr("CANCELLED"));
  EXPECT_EQ(serving_.endpoint(), "");
}

}  // namespace
}  // namespace tcptool::fleet
