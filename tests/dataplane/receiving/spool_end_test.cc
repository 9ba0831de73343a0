// Nodes, which verify what they get, have the end of a content as soon as it is
// verified where it comes from; others when it is on the disk there.
#include <gtest/gtest.h>

#include <asio/ip/address_v4.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/synchronization/notification.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/spool.h"
#include "tests/dataplane/receiving/name_holder.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

using Level = Spool::Level;

TEST(SpoolEndTest, NodesHaveItBeforeOthers) {
  const Folder folder;
  ScriptedSender sender;
  const auto holder = std::make_shared<NameHolder>();
  Engine engine((EngineOptions()));
  const auto reception = engine.CreateReception(
      {.destination = folder.To("file")},
      std::make_unique<ScriptedUpstream>(sender), holder);
  const auto serve = [&](Level level) {
    SessionOptions options;
    options.bind_address = asio::ip::address_v4::loopback();
    options.start.immediate = true;
    const auto session = engine.CreateSession(
        options, reception->OpenSource(level), std::make_shared<Recorder>());
    EXPECT_TRUE(session.ok()) << session.status();
    auto peer = std::make_unique<Peer>((*session)->data_endpoint().port());
    peer->Say(0);
    return peer;
  };
  const auto node = serve(Level::kReceived);
  const auto recipient = serve(Level::kVerified);
  const auto end_for = [&](Level level) {
    return reception->OpenSource(level)->block_digests()->end();
  };
  sender.Accept();
  const Manifest manifest = ManifestOf(LongContent());
  const ContentEnd end = {.length = manifest.length, .root = Root(manifest)};
  reception->Expect(0, manifest.blocks);
  reception->ExpectEnd(end);
  ASSERT_TRUE(sender.Send(LongContent()));
  holder->Wait();
  EXPECT_EQ(end_for(Level::kReceived), end);
  const Peer::Result whole = node->ReadAndClose();
  EXPECT_TRUE(whole.data == LongContent());
  EXPECT_EQ(whole.error, 0);
  EXPECT_EQ(end_for(Level::kVerified), std::nullopt);
  EXPECT_TRUE(recipient->Read(kLongSize).data == LongContent());
  holder->GoOn();
  const Peer::Result rest = recipient->ReadAndClose();
  EXPECT_EQ(rest.data, "");
  EXPECT_EQ(rest.error, 0);
  EXPECT_EQ(end_for(Level::kVerified), end);
  EXPECT_EQ(holder->WaitForEnd().state, ReceptionState::kSucceeded);
}

// A sender may take back what it has sent, until the content has its name.
TEST(SpoolEndTest, NobodyHasItBeforeOthersOfWhatASenderSays) {
  const Folder folder;
  ScriptedSender sender;
  const auto holder = std::make_shared<NameHolder>();
  Engine engine((EngineOptions()));
  const auto reception = engine.CreateReception(
      {.destination = folder.To("file")}, sender.Upstream(), holder);
  const auto digests = reception->OpenSource(Level::kReceived)->block_digests();
  sender.AcceptAndReadByte();
  ASSERT_TRUE(sender.Send(TheContent()));
  sender.End();
  holder->Wait();
  EXPECT_EQ(digests->end(), std::nullopt);
  holder->GoOn();
  EXPECT_EQ(holder->WaitForEnd().state, ReceptionState::kSucceeded);
  EXPECT_EQ(digests->end()->length, kSize);
}

class SpoolTest : public testing::Test {
 protected:
  ~SpoolTest() override { disk_.Join(); }

  DiskThreads disk_;
  Lane lane_{SocketApi::Real(), disk_};
  const std::shared_ptr<Spool> spool_ = std::make_shared<Spool>(lane_);
  const ContentEnd end_ = {.length = 5, .root = Sha256Of("one")};
};

TEST_F(SpoolTest, ContentThatIsLostAgainHasNoEndUntilItHasComeAgain) {
  const auto source = spool_->OpenSource(Level::kReceived);
  spool_->Conclude(end_);
  EXPECT_EQ(source->block_digests()->end(), end_);
  spool_->Reopen();
  EXPECT_EQ(source->block_digests()->end(), std::nullopt);
  spool_->Conclude(end_);
  EXPECT_EQ(source->block_digests()->end(), end_);
}

TEST_F(SpoolTest, ContentThatEndsOtherwiseThanBeforeIsAnotherOne) {
  const auto source = spool_->OpenSource(Level::kReceived);
  spool_->Conclude(end_);
  spool_->Reopen();
  const ContentEnd other = {.length = 5, .root = Sha256Of("other")};
  spool_->Conclude(other);
  EXPECT_TRUE(absl::IsUnavailable(source->Prepare())) << source->Prepare();
  EXPECT_EQ(source->block_digests()->end(), std::nullopt);
  const auto later = spool_->OpenSource(Level::kReceived);
  EXPECT_TRUE(later->Prepare().ok());
  EXPECT_EQ(later->block_digests()->end(), other);
}

TEST_F(SpoolTest, EndOfWhatWasReplacedIsNoneOfWhatComesInItsPlace) {
  spool_->Conclude(end_);
  spool_->Reopen();
  spool_->Replace();
  const auto source = spool_->OpenSource(Level::kReceived);
  const ContentEnd other = {.length = 5, .root = Sha256Of("other")};
  spool_->Conclude(other);
  EXPECT_TRUE(source->Prepare().ok()) << source->Prepare();
  EXPECT_EQ(source->block_digests()->end(), other);
}

}  // namespace
}  // namespace tcptool::dataplane
