// What the disk loses of a content that is being received comes again.
#include <gtest/gtest.h>

#include <asio/ip/address_v4.hpp>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "tests/dataplane/receiving/held_call.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

// Who reads what has come finds it.
class LostBlockTest : public ResumableReceptionTest {
 protected:
  // The first blocks have left the memory when so much has come.
  static constexpr size_t kWhole = (RecentBlocks::kBlocks + 2) * kManifestBlock;

  void ReceiveWholeBlocks() {
    Accept();
    Announce(content_);
    ASSERT_TRUE(sender_.Send(content_.substr(0, kWhole)));
    ASSERT_TRUE(WaitForBytes(kWhole));
  }
  void LoseFirstBlock() {
    folder_.Spoil(".tcptool-part.r1", 100);
    SessionOptions session;
    session.bind_address = asio::ip::address_v4::loopback();
    session.start.immediate = true;
    const auto created = one_->engine().CreateSession(
        session, one_->reception().OpenSource(Spool::Level::kReceived),
        std::make_shared<Recorder>());
    ASSERT_TRUE(created.ok()) << created.status();
    reader_.emplace((*created)->data_endpoint().port());
    reader_->Say(0);
  }
  // As other nodes are told.
  std::optional<ContentEnd> End() {
    const auto source = one_->reception().OpenSource(Spool::Level::kReceived);
    return source->block_digests()->end();
  }
  void ExpectWholeWhenItHasComeAgain() {
    const ScriptedUpstream::Asked asked = Accept();
    EXPECT_EQ(asked.offset, 0u);
    EXPECT_EQ(End(), std::nullopt);
    EXPECT_TRUE(absl::IsDataLoss(asked.lost)) << asked.lost;
    Announce(content_);
    ASSERT_TRUE(sender_.Send(content_));
    EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
    EXPECT_TRUE(folder_.Get("content") == content_);
  }

  std::optional<Peer> reader_;
  const std::string content_ = Content(kWhole + 99);
};

TEST_F(LostBlockTest, ComesAgain) {
  Begin();
  ReceiveWholeBlocks();
  LoseFirstBlock();
  ExpectWholeWhenItHasComeAgain();
  // Whoever found it was reset, or had to wait for what came again, if the
  // reception had dropped the block before its lane heard of the read.
  const Peer::Result result = reader_->Read(content_.size());
  if (result.error == 0) {
    EXPECT_TRUE(result.data == content_);
  } else {
    EXPECT_EQ(result.error, ECONNRESET);
    EXPECT_EQ(result.data, "");
  }
}

TEST_F(LostBlockTest, ComesAgainAlsoWhenAllHasCome) {
  HeldCall call(FaultyFiles::Call::kSyncData);
  Begin({}, {.files = &call.files()});
  const auto end = absl::MakeCleanup([&] {
    call.Release();
    one_ = nullptr;  // It uses the files.
  });
  ReceiveWholeBlocks();
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.bytes_durable == kWhole;
  }));
  call.Hold();  // What is synced next is the whole.
  ASSERT_TRUE(sender_.Send(content_.substr(kWhole)));
  ASSERT_TRUE(call.WaitUntilHeld());
  EXPECT_NE(End(), std::nullopt);
  LoseFirstBlock();
  // Nothing is dropped before the sync is over.
  const Peer::Result result = reader_->Read();
  EXPECT_EQ(result.error, ECONNRESET);
  EXPECT_EQ(result.data, "");
  call.Release();
  ExpectWholeWhenItHasComeAgain();
}

TEST_F(LostBlockTest, IsToldWhereItIsFoundWhileTheContentGetsItsName) {
  HeldCall call(FaultyFiles::Call::kRename);
  call.Hold();
  Begin({}, {.files = &call.files()});
  const auto end = absl::MakeCleanup([&] {
    call.Release();
    one_ = nullptr;  // It uses the files.
  });
  Accept();
  Announce(content_);
  ASSERT_TRUE(sender_.Send(content_));
  ASSERT_TRUE(call.WaitUntilHeld());
  LoseFirstBlock();
  EXPECT_EQ(reader_->Read().error, ECONNRESET);
  call.Release();
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kDestinationFailed);
  EXPECT_TRUE(folder_.Names().contains("content"));
}

}  // namespace
}  // namespace tcptool::dataplane
