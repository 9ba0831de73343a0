// Files that change while they are sent: nobody takes a mixture for the
// content.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "dataplane/lanes/block_cache.h"
#include "tests/dataplane/faults.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kLarge = 24'000'001;

// A file that is served, and a descriptor to change it by.
struct Served {
  explicit Served(const std::string& content) : fd(DiskFile(content)) {
    file = RandomAccessFile::FromDescriptor(dup(fd.get()));
  }
  std::shared_ptr<FileSource> Open() const {
    return *FileSource::Create(file, 0, std::nullopt);
  }
  // In place, the length as it was.
  void Replace(size_t size) const {
    const std::string other(size, 'N');
    ASSERT_EQ(pwrite(fd.get(), other.data(), size, 0),
              static_cast<ssize_t>(size));
  }

  UniqueFd fd;
  std::shared_ptr<RandomAccessFile> file;
};

void ExpectSourceFailed(OneSession& one, uint64_t recipient) {
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(recipient).state, RecipientState::kFailed);
  EXPECT_EQ(one.recorder->recipient(recipient).reason, Reason::kSourceFailed);
  const std::string error = one.recorder->session().error;
  EXPECT_EQ(error.find("the file has "), 0u) << error;
}

TEST(ChangedFileTest, FileReplacedInPlaceFailsTheSession) {
  const Served served(std::string(kLarge, 'O'));
  OneSession one(served.Open());
  Peer peer(one.port(), 65536);
  peer.Say(1);
  ASSERT_EQ(peer.Read(1000).data.size(), 1000u);
  served.Replace(kLarge);
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  ExpectSourceFailed(one, 1);
}

TEST(ChangedFileTest, FileThatShrinksFailsTheSession) {
  const Served served(Content(kLarge));
  OneSession one(served.Open());
  Peer peer(one.port());
  peer.Say(1);
  ASSERT_EQ(peer.Read(1000).data.size(), 1000u);
  ASSERT_EQ(ftruncate(served.fd.get(), 1000), 0);
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  ExpectSourceFailed(one, 1);
}

TEST(ChangedFileTest, FileThatGrowsFailsTheSession) {
  const Served served(Content(kLarge));
  OneSession one(served.Open());
  Peer peer(one.port());
  peer.Say(1);
  ASSERT_EQ(peer.Read(1000).data.size(), 1000u);
  ASSERT_EQ(ftruncate(served.fd.get(), 2 * kLarge), 0);
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  ExpectSourceFailed(one, 1);
}

// Everything has been handed to the kernel, but sendfile(2) hands over pages of
// the file, and they are what the file makes of them until they are sent.
TEST(ChangedFileTest, FileCutWithItsLastPagesInTheSocketFailsTheSession) {
  // More than fits into the peer's window.
  constexpr size_t kSize = 100'000;
  FaultySockets sockets({.call = Call::kError}, /*stays_in_host=*/false);
  const Served served(std::string(kSize, 'O'));
  if (!served.file->Cached(0, kSize)) {
    GTEST_SKIP() << "this file system does not say what is in memory";
  }
  OneSession one(served.Open(), {}, {.sockets = &sockets});
  Peer peer(one.port(), 4096);
  peer.Say(1);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kConfirming, 1));
  ASSERT_EQ(ftruncate(served.fd.get(), kSize / 3), 0);
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  ExpectSourceFailed(one, 1);
}

TEST(ChangedFileTest, FileReplacedBeforeTheStartFailsTheSession) {
  const Served served(Content(100'000));
  OneSession one(served.Open());
  const auto peer = one.ReadyPeer();
  served.Replace(100'000);
  EXPECT_TRUE(
      one.Call(static_cast<void (Session::*)(Session::Done)>(&Session::Start))
          .ok());
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  ExpectSourceFailed(one, 1);
}

TEST(ChangedFileTest, ImmediateSessionServesWhatItWasCreatedFor) {
  SessionOptions options;
  options.start.immediate = true;
  const Served served(std::string(kLarge, 'O'));
  OneSession one(served.Open(), options, {.lanes = 1});
  ReadingPeer before(one.port(), 0);
  EXPECT_TRUE(before.Join().data == std::string(kLarge, 'O'));
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  // Some blocks are still cached from the first.
  served.Replace(kLarge);
  ReadingPeer after(one.port(), 0);
  EXPECT_EQ(after.Join().error, ECONNRESET);
  ExpectSourceFailed(one, 2);
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kDelivered);
}

// The file loses its name, as `lose_name` does it, while it is sent.
void ExpectServedWithoutItsName(
    const std::function<bool(const std::string& name)>& lose_name) {
  const std::string content = Content(kLarge);
  const std::string name = testing::TempDir() + "/nameless";
  UniqueFd file(open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
  ASSERT_EQ(write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  OneSession one(*FileSource::Create(
      RandomAccessFile::FromDescriptor(file.release()), 0, std::nullopt));
  Peer peer(one.port());
  peer.Say(1);
  ASSERT_EQ(peer.Read(1000).data.size(), 1000u);
  ASSERT_TRUE(lose_name(name));
  EXPECT_TRUE(peer.ReadAndClose().data == content.substr(1000));
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(ChangedFileTest, AnotherFileUnderTheNameChangesNothing) {
  ExpectServedWithoutItsName([](const std::string& name) {
    const std::string other = name + ".new";
    close(open(other.c_str(), O_WRONLY | O_CREAT, 0600));
    return rename(other.c_str(), name.c_str()) == 0;
  });
}

TEST(ChangedFileTest, FileThatIsUnlinkedIsServedToTheEnd) {
  ExpectServedWithoutItsName(
      [](const std::string& name) { return unlink(name.c_str()) == 0; });
}

// The same before the start, where a source has to keep its name until then.
void ExpectNameIsMissed(
    const std::function<bool(const std::string& name)>& lose_name) {
  const std::string name = testing::TempDir() + "/named";
  UniqueFd file(open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
  ASSERT_EQ(write(file.get(), "content", 7), 7);
  OneSession one(
      *FileSource::Create(RandomAccessFile::FromDescriptor(file.release()), 0,
                          std::nullopt, FileSource::LostName::kFails));
  const auto peer = one.ReadyPeer();
  ASSERT_TRUE(lose_name(name));
  EXPECT_TRUE(
      one.Call(static_cast<void (Session::*)(Session::Done)>(&Session::Start))
          .ok());
  const auto got = peer->Read();
  EXPECT_EQ(got.error, ECONNRESET);
  EXPECT_EQ(got.data, "");
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kSourceFailed);
  EXPECT_EQ(one.recorder->session().error.find("the file was replaced"), 0u);
  unlink(name.c_str());
}

TEST(ChangedFileTest, FileThatIsReplacedByAnotherBeforeTheStartFails) {
  ExpectNameIsMissed([](const std::string& name) {
    const std::string other = name + ".new";
    close(open(other.c_str(), O_WRONLY | O_CREAT, 0600));
    return rename(other.c_str(), name.c_str()) == 0;
  });
}

TEST(ChangedFileTest, FileThatIsUnlinkedBeforeTheStartFails) {
  ExpectNameIsMissed(
      [](const std::string& name) { return unlink(name.c_str()) == 0; });
}

TEST(ChangedFileTest, NoDigestOfAFileThatHasChanged) {
  const Served served(Content(3'000'000));
  const auto source = served.Open();
  source->digest().Enable();
  ASSERT_TRUE(source->Prepare().ok());
  ASSERT_TRUE(*source->ReadForDigest());
  source->HashForDigest();
  served.Replace(1000);
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) {
    source->HashForDigest();
    more = source->ReadForDigest();
  }
  EXPECT_TRUE(absl::IsDataLoss(more.status()));
  EXPECT_EQ(source->digest().hex(), "");
}

}  // namespace
}  // namespace tcptool::dataplane
