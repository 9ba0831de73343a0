// Under a content's name is the old file or the whole new one, whatever fails.
#include "dataplane/receiving/partial_file.h"

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "dataplane/receiving/manifest.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

using Call = FaultyFiles::Call;

constexpr size_t kBlocks = 3;
constexpr size_t kSize = kBlocks * kManifestBlock + 12'345;

const std::string& TheContent() {
  static const std::string content = Content(kSize);
  return content;
}

// Of the content's whole blocks.
std::span<const Digest> TheDigests() {
  static const std::vector<Digest> digests = [] {
    std::vector<Digest> made;
    for (size_t i = 0; i < kBlocks; ++i) {
      made.push_back(Sha256::Of(
          Bytes(TheContent()).subspan(i * kManifestBlock, kManifestBlock)));
    }
    return made;
  }();
  return digests;
}

bool Has(const PartialFile& partial, std::span<const Digest> digests) {
  return std::ranges::equal(partial.kept(), digests);
}

// All of a reception's calls, a checkpoint in the middle.
absl::Status Receive(FileApi& files, Destination destination) {
  auto partial = PartialFile::Create(files, std::move(destination));
  if (!partial.ok()) return partial.status();
  const auto content = Bytes(TheContent());
  absl::Status status = (*partial)->Allocate(content.size());
  if (status.ok()) {
    status = (*partial)->Write(0, content.first(2 * kManifestBlock));
  }
  if (status.ok()) {
    status = (*partial)->Checkpoint(TheDigests().first(2));
  }
  if (status.ok()) {
    status = (*partial)->Write(2 * kManifestBlock,
                               content.subspan(2 * kManifestBlock));
  }
  if (status.ok()) status = (*partial)->EndAt(content.size());
  if (status.ok()) status = (*partial)->Commit();
  if (!status.ok()) (*partial)->Abandon();
  return status;
}

TEST(PartialFileTest, NameComesWithTheWholeContent) {
  const Folder folder;
  auto partial = PartialFile::Create(FileApi::Real(), folder.To("content"));
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE((*partial)->Write(0, Bytes("whole")).ok());
  EXPECT_EQ(folder.Names(), std::set<std::string>{".tcptool-part.r1"});
  ASSERT_TRUE((*partial)->Commit().ok());
  EXPECT_EQ(folder.Names(), std::set<std::string>{"content"});
  EXPECT_EQ(folder.Get("content"), "whole");
}

TEST(PartialFileTest, FileThatIsThereIsNotReplacedUnasked) {
  const Folder folder;
  Destination destination = folder.To("content");
  EXPECT_TRUE(CheckDestination(destination).ok());
  folder.Put("content", "old");
  EXPECT_TRUE(absl::IsAlreadyExists(CheckDestination(destination)));
  // It came after the check.
  EXPECT_TRUE(
      absl::IsAlreadyExists(Receive(FileApi::Real(), std::move(destination))));
  EXPECT_EQ(folder.Get("content"), "old");
  EXPECT_EQ(folder.Names(), std::set<std::string>{"content"});
}

TEST(PartialFileTest, FileSystemThatCannotRenameWithoutReplacingLinks) {
  for (const bool exists : {false, true}) {
    const Folder folder;
    if (exists) folder.Put("content", "old");
    FaultyFiles files(
        [](Call call) { return call == Call::kRename ? -EINVAL : 0; });
    const absl::Status status = Receive(files, folder.To("content"));
    EXPECT_EQ(status.code(), exists ? absl::StatusCode::kAlreadyExists
                                    : absl::StatusCode::kOk);
    EXPECT_EQ(folder.Get("content"), exists ? "old" : TheContent());
    EXPECT_EQ(folder.Names(), std::set<std::string>{"content"});
  }
}

TEST(PartialFileTest, OnlyTheFileThatWasWrittenGetsTheName) {
  for (const bool overwrite : {false, true}) {
    const Folder folder;
    Destination destination = folder.To("content");
    destination.overwrite = overwrite;
    const auto file =
        PartialFile::Create(FileApi::Real(), std::move(destination));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Write(0, Bytes("whole")).ok());
    std::filesystem::remove(folder.path(".tcptool-part.r1"));
    EXPECT_TRUE(absl::IsNotFound((*file)->Commit()));
    folder.Put(".tcptool-part.r1", "other");
    EXPECT_TRUE(absl::IsAborted((*file)->Commit()));
    EXPECT_FALSE((*file)->committed());
    (*file)->Abandon();
    EXPECT_EQ(folder.Names(), std::set<std::string>{".tcptool-part.r1"});
    EXPECT_EQ(folder.Get(".tcptool-part.r1"), "other");
  }
}

TEST(PartialFileTest, RangeMapGoesAlsoIfTheFileWasReplaced) {
  const std::string name = ".tcptool-part.r1";
  for (const bool is_map_replaced : {false, true}) {
    const Folder folder;
    Destination destination = folder.To("content");
    destination.resumable = true;
    const auto file =
        PartialFile::Create(FileApi::Real(), std::move(destination));
    ASSERT_TRUE(file.ok()) << file.status();
    std::set<std::string> others = {name};
    if (is_map_replaced) others.insert(name + kMapSuffix);
    for (const std::string& other : others) {
      std::filesystem::remove(folder.path(other));
      folder.Put(other, "another process's");
    }
    (*file)->Abandon();
    EXPECT_EQ(folder.Names(), others);
  }
}

// A descriptor leads to a directory also when its path does not any more.
TEST(PartialFileTest, NameComesOnlyWhereThePathLeadsTo) {
  for (const bool overwrite : {false, true}) {
    const Folder folder;
    const Folder another;
    absl::StatusOr<std::string> path = folder.path("").string();
    Destination destination = folder.To("content");
    destination.overwrite = overwrite;
    destination.find = [&path]() -> absl::StatusOr<UniqueFd> {
      if (!path.ok()) return path.status();
      return UniqueFd(open(path->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    };
    const auto file =
        PartialFile::Create(FileApi::Real(), std::move(destination));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Write(0, Bytes("whole")).ok());
    path = another.path("").string();
    EXPECT_TRUE(absl::IsAborted((*file)->Commit()));
    path = absl::NotFoundError("it is gone");
    EXPECT_TRUE(absl::IsNotFound((*file)->Commit()));
    EXPECT_FALSE((*file)->committed());
    EXPECT_EQ(folder.Names(), std::set<std::string>{".tcptool-part.r1"});
    path = folder.path("").string();
    EXPECT_TRUE((*file)->Commit().ok());
    EXPECT_EQ(folder.Get("content"), "whole");
    EXPECT_TRUE(another.Names().empty());
  }
}

// A sweep has the lock while it removes a file.
TEST(PartialFileTest, LockThatIsHeldForAMomentIsWaitedFor) {
  const Folder folder;
  folder.Put(".tcptool-part.r1", "old");
  UniqueFd sweep(
      open(folder.path(".tcptool-part.r1").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(sweep.get(), LOCK_EX), 0);
  const absl::Time begun = absl::Now();
  FaultyFiles files([&](Call) {
    if (absl::Now() - begun > absl::Milliseconds(5)) sweep = UniqueFd();
    return 0;
  });
  EXPECT_TRUE(PartialFile::Create(files, folder.To("content")).ok());
}

TEST(PartialFileTest, StampIsThatOfTheFileUnderItsName) {
  const Folder folder;
  const auto file = PartialFile::Create(FileApi::Real(), folder.To("content"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Commit().ok());
  struct stat status;
  ASSERT_EQ(stat(folder.path("content").c_str(), &status), 0);
  EXPECT_EQ((*file)->Stamp(),
            (FileStamp{.inode = status.st_ino,
                       .changed = absl::TimeFromTimespec(status.st_ctim)}));
}

TEST(PartialFileTest, NamesThatAreNoneAreRefused) {
  const Folder folder;
  for (const std::string name : {"", ".", "..", "a/b", ".tcptool-part.x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckDestination(folder.To(name))))
        << name;
    EXPECT_TRUE(absl::IsInvalidArgument(
        PartialFile::Create(FileApi::Real(), folder.To(name)).status()));
  }
  for (const std::string& id : {std::string(), std::string("a/b"),
                                std::string("a.map"), std::string(65, 'a')}) {
    Destination destination = folder.To("content");
    destination.id = id;
    EXPECT_TRUE(absl::IsInvalidArgument(CheckDestination(destination))) << id;
  }
  EXPECT_TRUE(folder.Names().empty());
}

// Each call of each kind fails in turn.
TEST(PartialFileTest, WhateverFailsNothingIsHalfDone) {
  constexpr Call kCalls[] = {Call::kOpen,     Call::kWrite, Call::kAllocate,
                             Call::kTruncate, Call::kSync,  Call::kSyncData,
                             Call::kRename};
  for (const bool overwrite : {false, true}) {
    for (const Call fails : kCalls) {
      for (int at = 0;; ++at) {
        const Folder folder;
        if (overwrite) folder.Put("content", "old");
        int calls = 0;
        FaultyFiles files([&](Call call) {
          return call == fails && calls++ == at ? -ENOSPC : 0;
        });
        Destination destination = folder.To("content");
        destination.overwrite = overwrite;
        destination.resumable = true;
        const absl::Status status = Receive(files, std::move(destination));
        if (calls <= at) {  // It has no more of this kind.
          EXPECT_TRUE(status.ok()) << status;
          EXPECT_GT(at, 0);
          break;
        }
        SCOPED_TRACE(testing::Message()
                     << "call " << static_cast<int>(fails) << ", step " << at);
        EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
        EXPECT_NE(status.message().find("bytes left"), std::string::npos);
        // The directory's sync comes behind the rename.
        const bool renamed = fails == Call::kSync && at == 1;
        const std::string now = folder.Get("content");
        EXPECT_TRUE(now == (renamed ? TheContent() : overwrite ? "old" : ""));
        const size_t names = renamed || overwrite ? 1 : 0;
        EXPECT_EQ(folder.Names().size(), names);
      }
    }
  }
}

// A partial file that a process has left behind after its checkpoint.
void LeaveBehind(const Folder& folder) {
  Destination destination = folder.To("content");
  destination.resumable = true;
  auto partial = PartialFile::Create(FileApi::Real(), std::move(destination));
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE((*partial)->Write(0, Bytes(TheContent())).ok());
  ASSERT_TRUE((*partial)->Checkpoint(TheDigests().first(2)).ok());
}

absl::StatusOr<std::unique_ptr<PartialFile>> Resume(const Folder& folder) {
  Destination destination = folder.To("content");
  destination.resumable = true;
  return PartialFile::Resume(FileApi::Real(), std::move(destination));
}

TEST(PartialFileTest, GoesOnBehindTheLastCheckpoint) {
  const Folder folder;
  LeaveBehind(folder);
  {
    auto partial = Resume(folder);
    ASSERT_TRUE(partial.ok()) << partial.status();
    EXPECT_TRUE(Has(**partial, TheDigests().first(2)));
  }
  EXPECT_EQ(std::filesystem::file_size(folder.path(".tcptool-part.r1")),
            2 * kManifestBlock);
  // And again: each attempt adds to what there is.
  {
    auto partial = Resume(folder);
    ASSERT_TRUE(partial.ok());
    const auto rest = Bytes(TheContent()).subspan(2 * kManifestBlock);
    ASSERT_TRUE((*partial)->Write(2 * kManifestBlock, rest).ok());
    ASSERT_TRUE((*partial)->Checkpoint(TheDigests().last(1)).ok());
  }
  auto partial = Resume(folder);
  ASSERT_TRUE(partial.ok());
  EXPECT_TRUE(Has(**partial, TheDigests()));
  ASSERT_TRUE((*partial)
                  ->Write(kBlocks * kManifestBlock,
                          Bytes(TheContent()).subspan(kBlocks * kManifestBlock))
                  .ok());
  ASSERT_TRUE((*partial)->Commit().ok());
  EXPECT_TRUE(folder.Get("content") == TheContent());
  EXPECT_EQ(folder.Names(), std::set<std::string>{"content"});
}

TEST(PartialFileTest, DamagedMapIsWorthNothing) {
  const Folder folder;
  LeaveBehind(folder);
  folder.Put(".tcptool-part.r1.map", "something else");
  auto partial = Resume(folder);
  ASSERT_TRUE(partial.ok()) << partial.status();
  EXPECT_TRUE((*partial)->kept().empty());
  ASSERT_TRUE((*partial)->Write(0, Bytes(TheContent())).ok());
  ASSERT_TRUE((*partial)->Checkpoint(TheDigests()).ok());
  partial->reset();
  EXPECT_TRUE(Has(**Resume(folder), TheDigests()));
}

TEST(PartialFileTest, MapOfMoreThanThereIsIsWorthNothing) {
  const Folder folder;
  LeaveBehind(folder);
  std::filesystem::resize_file(folder.path(".tcptool-part.r1"), 5);
  auto partial = Resume(folder);
  ASSERT_TRUE(partial.ok());
  EXPECT_TRUE((*partial)->kept().empty());
}

// A damaged file system may say anything of its size.
TEST(PartialFileTest, MapThatIsLongerThanItCanBeIsCut) {
  const Folder folder;
  LeaveBehind(folder);
  const std::vector<Digest> kept = (*Resume(folder))->kept();
  const auto map = folder.path(".tcptool-part.r1.map");
  const auto size = std::filesystem::file_size(map);
  std::filesystem::resize_file(map, uint64_t{8} << 40);
  auto partial = Resume(folder);
  ASSERT_TRUE(partial.ok()) << partial.status();
  EXPECT_TRUE(Has(**partial, kept));
  EXPECT_EQ(std::filesystem::file_size(map), size);
}

TEST(PartialFileTest, NothingToTakeUp) {
  const Folder folder;
  EXPECT_TRUE(absl::IsNotFound(Resume(folder).status()));
  EXPECT_TRUE(folder.Names().empty());
}

TEST(PartialFileTest, HasOneOwner) {
  const Folder folder;
  Destination destination = folder.To("content");
  destination.resumable = true;
  const auto partial =
      PartialFile::Create(FileApi::Real(), std::move(destination));
  ASSERT_TRUE(partial.ok());
  EXPECT_TRUE(absl::IsAborted(
      PartialFile::Create(FileApi::Real(), folder.To("content")).status()));
  EXPECT_TRUE(absl::IsAborted(Resume(folder).status()));
}

TEST(PartialFileTest, NewAttemptEmptiesWhatAnOlderOneLeft) {
  const Folder folder;
  LeaveBehind(folder);
  auto partial = PartialFile::Create(FileApi::Real(), folder.To("content"));
  ASSERT_TRUE(partial.ok());
  EXPECT_EQ(folder.Names(), std::set<std::string>{".tcptool-part.r1"});
  ASSERT_TRUE((*partial)->Commit().ok());
  EXPECT_EQ(folder.Get("content"), "");
}

}  // namespace
}  // namespace tcptool::dataplane
