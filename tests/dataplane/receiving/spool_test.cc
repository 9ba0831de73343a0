// What is received is sent on while the rest comes, and nobody takes it for
// whole before it is.
#include "dataplane/receiving/spool.h"

#include <gtest/gtest.h>

#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kMemory = RecentBlocks::kBlocks * kManifestBlock;

class SpoolTest : public testing::Test {
 protected:
  void Begin(ReceptionOptions options = {}, const EngineOptions& engine = {}) {
    one_ = std::make_unique<OneReception>(sender_.Upstream(), folder_,
                                          std::move(options), engine);
    Serve(true, false);
  }
  // Another session, which is served from the reception.
  void Serve(bool immediate, bool compute_sha256) {
    recorder_ = std::make_shared<Recorder>();
    SessionOptions session;
    session.bind_address = asio::ip::address_v4::loopback();
    session.start.immediate = immediate;
    session.compute_sha256 = compute_sha256;
    const auto created = one_->engine().CreateSession(
        session, one_->reception().OpenSource(Spool::Level::kVerified),
        recorder_);
    ASSERT_TRUE(created.ok()) << created.status();
    session_ = *created;
  }
  std::unique_ptr<Peer> Connect() {
    auto peer = std::make_unique<Peer>(session_->data_endpoint().port());
    peer->Say(0);
    return peer;
  }
  bool WaitForBytes(uint64_t bytes) {
    return one_->recorder->WaitForBytes(bytes);
  }

  const Folder folder_;
  ScriptedSender sender_;
  std::unique_ptr<OneReception> one_;
  std::shared_ptr<Recorder> recorder_;
  std::shared_ptr<Session> session_;
};

TEST_F(SpoolTest, BytesAreSentOnAsTheyCome) {
  Begin();
  const auto peer = Connect();  // Before anything has come.
  sender_.AcceptAndReadByte();
  for (const std::string piece : {"a", "few", "bytes"}) {
    ASSERT_TRUE(sender_.Send(piece));
    EXPECT_EQ(peer->Read(piece.size()).data, piece);
  }
  sender_.End();
  const Peer::Result rest = peer->ReadAndClose();
  EXPECT_EQ(rest.data, "");
  EXPECT_EQ(rest.error, 0);
  ASSERT_TRUE(recorder_->WaitForCount(RecipientState::kDelivered, 1));
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  EXPECT_EQ(folder_.Get("content"), "afewbytes");
}

TEST_F(SpoolTest, SlowRecipientIsServedFromTheFile) {
  Begin({}, {.lanes = 2});
  const std::string content = Content(2 * kMemory + 4 * kManifestBlock + 99);
  const auto slow = Connect();
  const auto fast = Connect();
  sender_.AcceptAndReadByte();
  std::thread sending(
      [&] { EXPECT_TRUE(sender_.Send(content.substr(0, 2 * kMemory))); });
  EXPECT_TRUE(fast->Read(2 * kMemory).data == content.substr(0, 2 * kMemory));
  sending.join();
  // What it has not read has left the memory.
  EXPECT_TRUE(slow->Read(2 * kMemory).data == content.substr(0, 2 * kMemory));
  const auto late = Connect();
  std::thread rest([&] {
    EXPECT_TRUE(sender_.Send(content.substr(2 * kMemory)));
    sender_.End();
  });
  for (const auto& peer : {slow.get(), fast.get()}) {
    const Peer::Result result = peer->ReadAndClose();
    EXPECT_TRUE(result.data == content.substr(2 * kMemory));
    EXPECT_EQ(result.error, 0);
  }
  const Peer::Result result = late->ReadAndClose();
  EXPECT_TRUE(result.data == content);
  EXPECT_EQ(result.error, 0);
  rest.join();
  ASSERT_TRUE(recorder_->WaitForCount(RecipientState::kDelivered, 3));
}

// It is waited for a moment, and nobody says when that is over.
TEST_F(SpoolTest, RecipientThatReadsNothingDoesNotStopTheReception) {
  Begin();
  const std::string content = Content(3 * kMemory);
  const auto peer = Connect();
  sender_.AcceptAndReadByte();
  std::thread sending([&] {
    EXPECT_TRUE(sender_.Send(content));
    sender_.End();
  });
  EXPECT_TRUE(WaitForBytes(content.size()));
  const Peer::Result result = peer->ReadAndClose();
  EXPECT_TRUE(result.data == content);
  EXPECT_EQ(result.error, 0);
  sending.join();
}

TEST_F(SpoolTest, RecipientThatComesAfterTheEndIsServed) {
  const std::string content = Content(2 * kManifestBlock + 5);
  Begin();
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send(content));
  sender_.End();
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  const Peer::Result result = Connect()->ReadAndClose();
  EXPECT_TRUE(result.data == content);
  EXPECT_EQ(result.error, 0);
}

TEST_F(SpoolTest, DigestsOfItsBlocksBecomeKnown) {
  Begin();
  const auto digests =
      one_->reception().OpenSource(Spool::Level::kVerified)->block_digests();
  ASSERT_NE(digests, nullptr);
  EXPECT_TRUE(digests->Digests(0, 9).empty());
  EXPECT_EQ(digests->end(), std::nullopt);
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send(TheContent()));
  sender_.End();
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  const Manifest expected = ManifestOf(TheContent());
  EXPECT_EQ(digests->Digests(0, 9), expected.blocks);
  EXPECT_EQ(digests->Digests(1, 2), DigestsFrom(expected.blocks, 1, 2));
  EXPECT_EQ(digests->end(),
            (ContentEnd{.length = kSize, .root = Root(expected)}));
  EXPECT_TRUE(digests->error().ok());
}

TEST_F(SpoolTest, NoMoreDigestsOfOneThatFails) {
  Begin();
  const auto digests =
      one_->reception().OpenSource(Spool::Level::kVerified)->block_digests();
  sender_.AcceptAndReadByte();
  sender_.Reset();
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kFailed);
  EXPECT_TRUE(absl::IsUnavailable(digests->error())) << digests->error();
  EXPECT_EQ(digests->end(), std::nullopt);
}

TEST_F(SpoolTest, ResetOfTheSenderIsAResetForAll) {
  Begin();
  const auto peer = Connect();
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send("a part"));
  EXPECT_EQ(peer->Read(6).data, "a part");
  sender_.Reset();
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_EQ(recorder_->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(recorder_->recipient(1).reason, Reason::kSourceFailed);
  EXPECT_NE(recorder_->session().error.find("CONNECTION_LOST"),
            std::string::npos)
      << recorder_->session().error;
}

TEST_F(SpoolTest, SessionThatWaitsFailsWithTheReception) {
  ReceptionOptions options;
  options.name = "receptions/one";
  Begin(std::move(options));
  Serve(false, false);
  const auto peer = Connect();
  ASSERT_TRUE(recorder_->WaitForCount(RecipientState::kReady, 1));
  EXPECT_TRUE(one_->Cancel().ok());
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_EQ(recorder_->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(recorder_->session().error, "receptions/one is CANCELLED");
  // One that comes too late fails too.
  Serve(false, false);
  EXPECT_EQ(recorder_->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(recorder_->session().error, "receptions/one is CANCELLED");
}

TEST_F(SpoolTest, SessionsHaveTheReceptionsSha256AndLength) {
  const std::string content = Content(2 * kManifestBlock + 5);
  ReceptionOptions options;
  options.compute_sha256 = true;
  options.expected_length = content.size();
  Begin(std::move(options));
  const std::string sha256 = ToHex(Sha256Of(content));
  for (const bool has_ended : {false, true}) {
    Serve(false, true);
    EXPECT_EQ(session_->initial_status().content_length, content.size());
    Peer peer(session_->data_endpoint().port());
    peer.Say(1);
    ASSERT_TRUE(recorder_->WaitForCount(RecipientState::kTransferring, 1));
    EXPECT_EQ(recorder_->session().content_sha256, has_ended ? sha256 : "");
    if (!has_ended) {
      sender_.AcceptAndReadByte();
      ASSERT_TRUE(sender_.Send(content));
      sender_.End();
    }
    EXPECT_TRUE(peer.ReadAndClose().data == content);
    EXPECT_EQ(recorder_->WaitForEnd(), SessionState::kSucceeded);
    EXPECT_EQ(recorder_->session().content_sha256, sha256);
    EXPECT_EQ(recorder_->session().content_length, content.size());
    one_->recorder->WaitForEnd();
  }
}

TEST_F(SpoolTest, ContentThatIsNotTheExpectedOneIsAResetForAll) {
  ReceptionOptions options;
  options.expected_sha256 = Sha256Of("another");
  Begin(std::move(options));
  const auto peer = Connect();
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send("whole"));
  EXPECT_EQ(peer->Read(5).data, "whole");
  sender_.End();
  EXPECT_EQ(peer->Read().error, ECONNRESET);
}

TEST_F(SpoolTest, NoEndBeforeTheDiskHasIt) {
  absl::Notification released;
  FaultyFiles files([&released](FaultyFiles::Call call) {
    if (call == FaultyFiles::Call::kSyncData) released.WaitForNotification();
    return released.HasBeenNotified() && call == FaultyFiles::Call::kSyncData
               ? -EIO
               : 0;
  });
  Begin({}, {.files = &files});
  const auto peer = Connect();
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send("whole"));
  sender_.End();
  EXPECT_EQ(peer->Read(5).data, "whole");
  ASSERT_TRUE(one_->recorder->WaitForState(ReceptionState::kVerifying));
  released.Notify();
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  session_ = nullptr;
  one_ = nullptr;  // Its engine uses the files.
}

// That is the file's: what recipients have is whole without it.
TEST_F(SpoolTest, EndDoesNotWaitForTheName) {
  absl::Notification released;
  FaultyFiles files([&released](FaultyFiles::Call call) {
    if (call != FaultyFiles::Call::kRename) return 0;
    released.WaitForNotification();
    return -EIO;
  });
  Begin({}, {.files = &files});
  const auto peer = Connect();
  sender_.AcceptAndReadByte();
  EXPECT_TRUE(sender_.Send("whole"));
  sender_.End();
  const Peer::Result result = peer->ReadAndClose();
  EXPECT_EQ(result.data, "whole");
  EXPECT_EQ(result.error, 0);
  EXPECT_TRUE(recorder_->WaitForCount(RecipientState::kDelivered, 1));
  released.Notify();
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kDestinationFailed);
  EXPECT_EQ(recorder_->recipient(1).state, RecipientState::kDelivered);
  session_ = nullptr;
  one_ = nullptr;  // Its engine uses the files.
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(SpoolTest, BlockThatTheDiskHasLostGoesToNobody) {
  Begin();
  const std::string content = Content(2 * kMemory);
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send(content));
  ASSERT_TRUE(WaitForBytes(content.size()));
  // The first block has left the memory: it is on the disk alone.
  std::fstream(folder_.path(".tcptool-part.r1"),
               std::ios::in | std::ios::out | std::ios::binary)
      .seekp(100)
      .put(static_cast<char>(content[100] ^ 1));
  const auto peer = Connect();
  const Peer::Result result = peer->Read();
  EXPECT_EQ(result.error, ECONNRESET);
  EXPECT_EQ(result.data, "");
  EXPECT_EQ(recorder_->WaitForEnd(), SessionState::kFailed);
  EXPECT_NE(recorder_->session().error.find("the disk has lost it"),
            std::string::npos)
      << recorder_->session().error;
  // The sender cannot send it again.
  sender_.End();
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kDestinationFailed);
  session_ = nullptr;
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(SpoolTest, ThroughManyRelays) {
  // Of the content, at the first of them.
  enum class End : uint8_t { kOrderly, kReset, kStop };
  constexpr int kRelays = 5;
  const std::string content = Content(3 * kManifestBlock + 7);
  for (const End end : {End::kOrderly, End::kReset, End::kStop}) {
    const bool cut = end != End::kOrderly;
    ScriptedSender sender;
    std::vector<std::unique_ptr<Folder>> folders;
    std::vector<std::unique_ptr<OneReception>> relays;
    std::vector<std::shared_ptr<Recorder>> recorders;
    uint16_t port = sender.port();
    for (int i = 0; i < kRelays; ++i) {
      folders.push_back(std::make_unique<Folder>());
      relays.push_back(std::make_unique<OneReception>(
          std::make_unique<SenderUpstream>(SenderOptions{
              .target = {.host = "127.0.0.1", .port = std::to_string(port)},
              .start = true}),
          *folders.back(), ReceptionOptions{}, EngineOptions{.lanes = 1}));
      recorders.push_back(std::make_shared<Recorder>());
      SessionOptions session;
      session.bind_address = asio::ip::address_v4::loopback();
      const auto created = relays.back()->engine().CreateSession(
          session,
          relays.back()->reception().OpenSource(Spool::Level::kVerified),
          recorders.back());
      ASSERT_TRUE(created.ok());
      port = (*created)->data_endpoint().port();
    }
    Peer last(port);
    last.Say(1);
    sender.AcceptAndReadByte();
    ASSERT_TRUE(sender.Send(content));
    EXPECT_TRUE(last.Read(content.size()).data == content);
    switch (end) {
      case End::kOrderly:
        sender.End();
        break;
      case End::kReset:
        sender.Reset();
        break;
      case End::kStop:
        relays.front()->engine().Stop();
        break;
    }
    EXPECT_EQ(last.ReadAndClose().error, cut ? ECONNRESET : 0);
    for (int i = 0; i < kRelays; ++i) {
      const bool is_stopped = end == End::kStop && i == 0;
      EXPECT_EQ(relays[i]->recorder->WaitForEnd().state,
                is_stopped ? ReceptionState::kInterrupted
                : cut      ? ReceptionState::kFailed
                           : ReceptionState::kSucceeded);
      EXPECT_EQ(recorders[i]->WaitForEnd(), is_stopped
                                                ? SessionState::kInterrupted
                                            : cut ? SessionState::kFailed
                                                  : SessionState::kSucceeded);
      relays[i]->Finish();
      EXPECT_EQ(folders[i]->Get("content") == content, !cut);
    }
  }
}

}  // namespace
}  // namespace tcptool::dataplane
