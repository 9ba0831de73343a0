// What a reception receives, or has received, as the content of sessions.
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>

#include "dataplane/content/source.h"
#include "server/receptions/received_file.h"
#include "tests/server/hanging_root.h"
#include "tests/server/receptions/managed_receptions.h"

namespace tcptool::server {
namespace {

using Source = absl::StatusOr<std::shared_ptr<dataplane::Source>>;

class ReceivedContentTest : public ManagedReceptions {
 protected:
  using ManagedReceptions::ManagedReceptions;

  Source Open(const std::string& name, bool with_sha256 = false) {
    return Wait<Source>(
        [&](auto done) { manager_->Open(name, with_sha256, done); });
  }
  // The name of a reception that has received `content` into the file.
  std::string Received(const std::string& path, const std::string& content) {
    ScriptedSender sender;
    const auto created = Create(RequestOf(sender, path));
    EXPECT_TRUE(created.ok()) << created.status();
    sender.Accept();
    sender.Send(content);
    sender.End();
    const auto ended = WaitForEnd(created->name());
    EXPECT_EQ(ended.state(), v1::RECEPTION_STATE_SUCCEEDED);
    return ended.name();
  }
};

absl::Time ChangeTime(const std::filesystem::path& file) {
  struct stat status;
  EXPECT_EQ(stat(file.c_str(), &status), 0);
  return absl::TimeFromTimespec(status.st_ctim);
}

TEST_F(ReceivedContentTest, OfAReceptionThatRuns) {
  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "some");
  const Source source = Open(reception.name());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE((*source)->rereadable());
  EXPECT_EQ((*source)->length(), std::nullopt);
  std::promise<absl::Status> failed;
  (*source)->WhenFailed(
      [&failed](const absl::Status& error) { failed.set_value(error); });
  ASSERT_TRUE(Cancel(reception.name()).ok());
  EXPECT_EQ(failed.get_future().get().message(),
            absl::StrCat(reception.name(), " is CANCELLED"));
}

TEST_F(ReceivedContentTest, OfOneThatHasSucceededIsItsFile) {
  const std::string name = Received("file", "content");
  for (const bool after_restart : {false, true}) {
    if (after_restart) Start();
    const Source source = Open(name, true);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_TRUE((*source)->Prepare().ok());
    EXPECT_EQ((*source)->length(), 7u);
  }
}

TEST_F(ReceivedContentTest, OfNothing) {
  const std::string name = Received("file", "");
  const Source source = Open(name);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->length(), 0u);
}

TEST_F(ReceivedContentTest, FileThatSomebodyHasTouchedIsRefused) {
  const std::filesystem::path file = folder_.path("file");
  // File systems' clocks tick every few milliseconds: `touch` is repeated until
  // it is seen to be later.
  const auto refused = [&](const std::function<void()>& touch) {
    const std::string name = Received("file", "content");
    const absl::Time before = ChangeTime(file);
    while (ChangeTime(file) == before) touch();
    const Source source = Open(name);
    EXPECT_TRUE(absl::IsFailedPrecondition(source.status())) << source.status();
    EXPECT_NE(source.status().message().find(name), std::string::npos);
    std::filesystem::remove(file);
  };
  refused([&] {
    const auto time = std::filesystem::last_write_time(file);
    folder_.Put("file", "CONTENT");
    std::filesystem::last_write_time(file, time);
  });
  refused([&] {
    folder_.Put("other", "CONTENT");
    std::filesystem::rename(folder_.path("other"), file);
  });
  refused([&] { chmod(file.c_str(), 0600); });
  const std::string name = Received("file", "content");
  std::filesystem::remove(file);
  EXPECT_TRUE(absl::IsNotFound(Open(name).status()));
}

// Clocks of file systems tick so seldom that what is received into the same
// name may have the same change time, and the same length.
TEST_F(ReceivedContentTest, AnotherFileOfTheSameTimeIsRefused) {
  const ContentRoot root("disk", folder_.path("").string(),
                         ChooseBeneathMethod());
  v1::Reception reception = *table_->Get(Received("file", "content"));
  EXPECT_TRUE(OpenUntouched(root, reception).ok());
  reception.set_file_inode(reception.file_inode() + 1);
  const auto opened = OpenUntouched(root, reception);
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status())) << opened.status();
  EXPECT_NE(opened.status().message().find("another file"), std::string::npos);
}

TEST_F(ReceivedContentTest, WhatCannotBeSentIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(Open("receptions/none").status()));
  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "some");
  Source source = Open(reception.name(), true);
  EXPECT_TRUE(absl::IsFailedPrecondition(source.status())) << source.status();
  EXPECT_NE(source.status().message().find("compute_sha256"),
            std::string::npos);
  sender.Reset();
  WaitForEnd(reception.name());
  source = Open(reception.name());
  EXPECT_TRUE(absl::IsFailedPrecondition(source.status())) << source.status();
  EXPECT_NE(source.status().message().find("is FAILED: the connection was "),
            std::string::npos)
      << source.status();
}

TEST_F(ReceivedContentTest, AllIsAnsweredWhenPendingAnswersAreAskedFor) {
  const std::string name = Received("file", "content");
  std::atomic<int> answers = 0;
  for (int i = 0; i < 20; ++i) {
    manager_->Open(name, false, [&answers](const Source&) { ++answers; });
  }
  manager_->AnswerPending();
  EXPECT_EQ(answers, 20);
}

class HangingContentTest : public ReceivedContentTest {
 protected:
  HangingContentTest() : ReceivedContentTest(absl::Hours(1)) {}

  const HangingRoot disk_{roots_, "disk"};
};

TEST_F(HangingContentTest, AnswerAfterTheStopNeedsNothingThatHasGone) {
  const std::string name = Received("file", "content");
  disk_.Hang();
  std::promise<absl::Status> answer;
  manager_->Open(name, /*with_sha256=*/false, [&answer](const Source& source) {
    answer.set_value(source.status());
  });
  Stop();
  const absl::Status status = answer.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  disk_.Answer();
  disk_.WaitUntilDone();
}

}  // namespace
}  // namespace tcptool::server
