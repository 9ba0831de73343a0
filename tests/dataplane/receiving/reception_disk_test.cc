// A reception whose disk fails, or hangs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "dataplane/receiving/reception.h"
#include "tests/dataplane/disk_threads.h"
#include "tests/dataplane/receiving/held_call.h"
#include "tests/dataplane/receiving/receptions.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

using Call = FaultyFiles::Call;
using Names = std::set<std::string>;

struct Fault {
  int error;
  ReceptionReason reason;
};

constexpr Call kCalls[] = {Call::kOpen,     Call::kWrite, Call::kAllocate,
                           Call::kTruncate, Call::kSync,  Call::kSyncData,
                           Call::kRename};

// Of a reception whose call number `at` of a kind, counted from 0, has failed.
void ExpectNothingHalfDone(const ReceptionStatus& status, const Fault& fault,
                           Call failed, int at, ScriptedSender& sender,
                           const Folder& folder, const std::string& content) {
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, fault.reason) << status.detail;
  EXPECT_TRUE(status.connections == 0 || sender.ReadEnd() == ECONNRESET);
  // The directory's sync comes behind the rename.
  const bool renamed = failed == Call::kSync && at == 1;
  EXPECT_EQ(folder.Names(), renamed ? Names{"content"} : Names());
  EXPECT_TRUE(folder.Get("content") == (renamed ? content : ""));
}

// Each call of each kind fails in turn, with each of these.
TEST(ReceptionDiskTest, WhateverOfTheFileFailsNothingIsHalfDone) {
  constexpr Fault kFaults[] = {
      {.error = ENOSPC, .reason = ReceptionReason::kNoSpace},
      {.error = EDQUOT, .reason = ReceptionReason::kNoSpace},
      {.error = EIO, .reason = ReceptionReason::kDestinationFailed},
      {.error = EROFS, .reason = ReceptionReason::kDestinationFailed}};
  for (const Fault& fault : kFaults) {
    for (const Call fails : kCalls) {
      for (int at = 0;; ++at) {
        SCOPED_TRACE(testing::Message()
                     << "error " << fault.error << ", call "
                     << static_cast<int>(fails) << ", step " << at);
        const Folder folder;
        ScriptedSender sender;
        std::atomic<int> calls = 0;
        FaultyFiles files([&](Call call) {
          return call == fails && calls++ == at ? -fault.error : 0;
        });
        ReceptionOptions options;
        options.expected_length = kSize;
        OneReception one(sender.Upstream(), folder, std::move(options),
                         {.files = &files});
        // The connection comes when the file is open.
        one.recorder->WaitFor([](const ReceptionStatus& status) {
          return status.state != ReceptionState::kConnecting;
        });
        if (one.recorder->status().connections > 0) {
          sender.AcceptAndReadByte();
          sender.Send(TheContent());  // As far as it gets.
          sender.End();
        }
        const ReceptionStatus status = one.recorder->WaitForEnd();
        one.Finish();
        if (calls <= at) {  // It has no more of this kind.
          EXPECT_EQ(status.state, ReceptionState::kSucceeded) << status.detail;
          EXPECT_GT(at, 0);
          break;
        }
        ExpectNothingHalfDone(status, fault, fails, at, sender, folder,
                              TheContent());
      }
    }
  }
}

// The same of a content that could go on after a loss, with the range map's
// calls: a checkpoint is made of its first block before the rest comes.
TEST(ReceptionDiskTest, WhateverOfTheFileAndItsMapFailsNothingIsHalfDone) {
  constexpr Fault kFault = {.error = EIO,
                            .reason = ReceptionReason::kDestinationFailed};
  const std::string content = TheContent().substr(0, kManifestBlock + 777);
  const Manifest manifest = ManifestOf(content);
  for (const Call fails : kCalls) {
    for (int at = 0;; ++at) {
      SCOPED_TRACE(testing::Message()
                   << "call " << static_cast<int>(fails) << ", step " << at);
      const Folder folder;
      ScriptedSender sender;
      std::atomic<int> calls = 0;
      FaultyFiles files([&](Call call) {
        return call == fails && calls++ == at ? -kFault.error : 0;
      });
      ReceptionOptions options;
      options.expected_length = content.size();
      OneReception one(std::make_unique<ScriptedUpstream>(sender), folder,
                       std::move(options), {.files = &files});
      one.recorder->WaitFor([](const ReceptionStatus& status) {
        return status.state != ReceptionState::kConnecting;
      });
      if (one.recorder->status().connections > 0) {
        sender.Accept();
        one.reception().Expect(0, manifest.blocks);
        one.reception().ExpectEnd(
            {.length = manifest.length, .root = Root(manifest)});
        sender.Send(content.substr(0, kManifestBlock));
        EXPECT_TRUE(one.recorder->WaitFor([](const ReceptionStatus& status) {
          return status.bytes_durable == kManifestBlock ||
                 IsFinal(status.state);
        }));
        sender.Send(content.substr(kManifestBlock));
      }
      const ReceptionStatus status = one.recorder->WaitForEnd();
      one.Finish();
      if (calls <= at) {  // It has no more of this kind.
        EXPECT_EQ(status.state, ReceptionState::kSucceeded) << status.detail;
        EXPECT_EQ(folder.Names(), Names{"content"});
        EXPECT_TRUE(folder.Get("content") == content);
        EXPECT_GT(at, 0);
        break;
      }
      ExpectNothingHalfDone(status, kFault, fails, at, sender, folder, content);
    }
  }
}

TEST(ReceptionDiskTest, DiskThatHangsStopsNoLane) {
  const Folder folder;
  ScriptedSender sender;
  absl::Notification released;
  FaultyFiles files([&released](Call call) {
    if (call == Call::kWrite) released.WaitForNotification();
    return 0;
  });
  OneReception one(sender.Upstream(), folder, {},
                   {.lanes = 1, .files = &files});
  sender.AcceptAndReadByte();
  const std::string content = Content(30 * kManifestBlock);
  std::thread sending([&] {
    sender.Send(content);
    sender.End();
  });
  // It reads as much as its memory holds, and no more.
  constexpr uint64_t kMemory = RecentBlocks::kBlocks * kManifestBlock;
  EXPECT_TRUE(one.recorder->WaitForBytes(kMemory));
  // The lane serves others meanwhile.
  const auto recorder = std::make_shared<Recorder>();
  SessionOptions options;
  options.bind_address = asio::ip::address_v4::loopback();
  const auto session =
      one.engine().CreateSession(options, FileOf(TheContent()), recorder);
  ASSERT_TRUE(session.ok());
  ReadingPeer peer((*session)->data_endpoint().port(), 1);
  EXPECT_TRUE(peer.Join().data == TheContent());
  EXPECT_EQ(recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->status().bytes_received, kMemory);
  released.Notify();
  EXPECT_EQ(one.recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  sending.join();
  EXPECT_TRUE(folder.Get("content") == content);
}

TEST(ReceptionDiskTest, ContentThatIsGettingItsNameCannotBeCancelled) {
  const Folder folder;
  ScriptedSender sender;
  HeldCall rename(Call::kRename);
  rename.Hold();
  OneReception one(sender.Upstream(), folder, {}, {.files = &rename.files()});
  sender.AcceptAndReadByte();
  ASSERT_TRUE(sender.Send(TheContent()));
  sender.End();
  ASSERT_TRUE(rename.WaitUntilHeld());
  EXPECT_TRUE(absl::IsFailedPrecondition(one.Cancel()));
  rename.Release();
  EXPECT_EQ(one.recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  EXPECT_TRUE(folder.Get("content") == TheContent());
}

// How a reception ends whose sender has the whole content.
ReceptionStatus SendAll(ScriptedSender& sender, OneReception& one) {
  sender.AcceptAndReadByte();
  sender.Send(TheContent());
  sender.End();
  ReceptionStatus status = one.recorder->WaitForEnd();
  one.Finish();
  return status;
}

// What others have may be free soon.
TEST(ReceptionDiskTest, WaitsForDescriptorsToOpenItsFile) {
  for (const int error : {EMFILE, ENFILE}) {
    const Folder folder;
    ScriptedSender sender;
    std::atomic<int> calls = 0;
    FaultyFiles files([&](Call call) {
      return call == Call::kOpen && calls++ < 2 ? -error : 0;
    });
    OneReception one(sender.Upstream(), folder, {}, {.files = &files});
    const ReceptionStatus status = SendAll(sender, one);
    EXPECT_EQ(status.state, ReceptionState::kSucceeded) << status.detail;
    EXPECT_TRUE(folder.Get("content") == TheContent());
    EXPECT_GT(calls, 2);
  }
}

// Its directory is looked for before the rename. What was synced to the disk
// before is not synced again, as that would tell nothing.
TEST(ReceptionDiskTest, LackOfDescriptorsForTheContentsNameIsNoLackOfRoom) {
  const Folder folder;
  ScriptedSender sender;
  ReceptionOptions options;
  options.destination = folder.To("content");
  options.destination.find = []() -> absl::StatusOr<UniqueFd> {
    return absl::ErrnoToStatus(EMFILE, "entering the root");
  };
  OneReception one(sender.Upstream(), folder, std::move(options));
  const ReceptionStatus status = SendAll(sender, one);
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kDestinationFailed);
  EXPECT_THAT(status.detail, testing::HasSubstr("Too many open files"));
  EXPECT_FALSE(folder.Names().contains("content"));
}

TEST(ReceptionDiskTest, LackOfDescriptorsThatLastsIsNoLackOfRoom) {
  const Folder folder;
  ScriptedSender sender;
  FaultyFiles files(
      [](Call call) { return call == Call::kOpen ? -EMFILE : 0; });
  ReceptionOptions options;
  options.stall_timeout = absl::Milliseconds(1);
  OneReception one(sender.Upstream(), folder, std::move(options),
                   {.files = &files});
  const ReceptionStatus status = one.recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kDestinationFailed);
  EXPECT_THAT(status.detail, testing::HasSubstr("Too many open files"));
}

TEST(ReceptionDiskTest, StopDoesNotWaitForARenameThatHangs) {
  const Folder folder;
  ScriptedSender sender;
  HeldCall rename(Call::kRename);
  rename.Hold();
  OneReception one(sender.Upstream(), folder, {}, {.files = &rename.files()});
  sender.AcceptAndReadByte();
  ASSERT_TRUE(sender.Send(TheContent()));
  sender.End();
  ASSERT_TRUE(rename.WaitUntilHeld());
  one.Finish();
  const ReceptionStatus status = one.recorder->status();
  EXPECT_EQ(status.state, ReceptionState::kInterrupted);
  EXPECT_THAT(status.detail, testing::HasSubstr("disk did not answer"));
  EXPECT_EQ(sender.ReadEnd(), ECONNRESET);
  // The disk comes back: the thread that was left behind goes on to its end.
  rename.Release();
  ASSERT_TRUE(AwaitEndOfDiskThreads(kDeadline));
  EXPECT_TRUE(folder.Get("content") == TheContent());
}

}  // namespace
}  // namespace tcptool::dataplane
