// The moment in which a content gets its name, and how it is told afterwards
// whether it has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "dataplane/receiving/file_mark.h"
#include "dataplane/receiving/reception.h"
#include "tests/dataplane/receiving/name_holder.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

using Names = std::set<std::string>;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ReceptionNamingTest : public testing::Test {
 protected:
  ReceptionNamingTest()
      : engine_(EngineOptions()),
        reception_(engine_->CreateReception({.destination = folder_.To("file")},
                                            sender_.Upstream(), holder_)) {
    sender_.AcceptAndReadByte();
    sender_.Send(TheContent());
    sender_.End();
    holder_->Wait();
  }

  absl::StatusOr<FileStamp> Confirm(FileApi& files = FileApi::Real()) {
    return ConfirmName(files, folder_.Open().get(), "file", holder_->mark());
  }

  const Folder folder_;
  ScriptedSender sender_;
  const std::shared_ptr<NameHolder> holder_ = std::make_shared<NameHolder>();
  std::optional<Engine> engine_;
  std::shared_ptr<Reception> reception_;
};

TEST_F(ReceptionNamingTest, TheNameComesWhenItsOwnerHasTakenNote) {
  EXPECT_EQ(holder_->known().state, ReceptionState::kVerifying);
  EXPECT_EQ(holder_->known().content_length, TheContent().size());
  EXPECT_TRUE(holder_->known().root.has_value());
  EXPECT_THAT(holder_->mark(), Not(IsEmpty()));
  EXPECT_FALSE(folder_.Names().contains("file"));
  EXPECT_TRUE(absl::IsNotFound(Confirm().status()));
  holder_->GoOn();
  const ReceptionStatus end = holder_->WaitForEnd();
  EXPECT_EQ(end.state, ReceptionState::kSucceeded) << end.detail;
  EXPECT_EQ(end.root, holder_->known().root);
  const auto stamp = Confirm();
  ASSERT_TRUE(stamp.ok()) << stamp.status();
  EXPECT_EQ(*stamp, end.file_stamp);
}

TEST_F(ReceptionNamingTest, ResetUntilThenIsInTime) {
  sender_.Reset();
  holder_->GoOn();
  const ReceptionStatus end = holder_->WaitForEnd();
  EXPECT_EQ(end.state, ReceptionState::kFailed);
  EXPECT_EQ(end.reason, ReceptionReason::kConnectionLost);
}

TEST_F(ReceptionNamingTest, OneThatIsCancelledUntilThenHasNoName) {
  absl::Notification cancelled;
  reception_->Cancel(std::nullopt, [&](const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
    cancelled.Notify();
  });
  cancelled.WaitForNotification();
  holder_->GoOn();
  EXPECT_EQ(holder_->WaitForEnd().state, ReceptionState::kCancelled);
  reception_ = nullptr;
  engine_.reset();
  EXPECT_EQ(folder_.Names(), Names());
}

TEST(ReceptionOfANodeTest, WhatIsSaidWhileTheContentGetsItsNameIsTooLate) {
  const Folder folder;
  ScriptedSender sender;
  const auto holder = std::make_shared<NameHolder>();
  Engine engine((EngineOptions()));
  const auto reception = engine.CreateReception(
      {.destination = folder.To("file")},
      std::make_unique<ScriptedUpstream>(sender), holder);
  sender.Accept();
  const Manifest manifest = ManifestOf(LongContent());
  reception->Expect(0, manifest.blocks);
  reception->ExpectEnd({.length = manifest.length, .root = Root(manifest)});
  ASSERT_TRUE(sender.Send(LongContent()));
  holder->Wait();
  // Another digest than before, of a block that was verified.
  reception->Expect(2, {Sha256Of("another")});
  holder->GoOn();
  const ReceptionStatus end = holder->WaitForEnd();
  EXPECT_EQ(end.state, ReceptionState::kSucceeded) << end.detail;
  EXPECT_EQ(end.root, Root(manifest));
  EXPECT_EQ(end.content_length, kLongSize);
  EXPECT_TRUE(folder.Get("file") == LongContent());
}

TEST_F(ReceptionNamingTest, AnotherFileUnderTheNameIsNotIt) {
  folder_.Put("file", TheContent());
  EXPECT_TRUE(absl::IsNotFound(Confirm().status()));
  holder_->GoOn();
  EXPECT_EQ(holder_->WaitForEnd().reason, ReceptionReason::kAlreadyExists);
  EXPECT_TRUE(absl::IsNotFound(Confirm().status()));
}

TEST_F(ReceptionNamingTest, OneThatWasWrittenToIsNotIt) {
  holder_->GoOn();
  holder_->WaitForEnd();
  while (Confirm().ok()) folder_.Spoil("file", 1);
  EXPECT_TRUE(absl::IsNotFound(Confirm().status()));
}

TEST_F(ReceptionNamingTest, NameThatIsNotOnTheDiskIsNotConfirmed) {
  holder_->GoOn();
  holder_->WaitForEnd();
  FaultyFiles files([](FaultyFiles::Call call) {
    return call == FaultyFiles::Call::kSync ? -EIO : 0;
  });
  EXPECT_THAT(Confirm(files).status().message(), HasSubstr("directory"));
  FaultyFiles unsynced([](FaultyFiles::Call call) {
    return call == FaultyFiles::Call::kSync ? -EINVAL : 0;
  });
  EXPECT_TRUE(Confirm(unsynced).ok());
}

}  // namespace
}  // namespace tcptool::dataplane
