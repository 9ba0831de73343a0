// What a file takes of its file system, and what is said where there is no
// room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/manifest.h"
#include "dataplane/receiving/partial_file.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using Call = FaultyFiles::Call;

TEST(PartialFileRoomTest, RoomStaysSetAsideWhenItIsEmptied) {
  const Folder folder;
  int allocations = 0;
  FaultyFiles files([&](Call call) {
    if (call == Call::kAllocate) ++allocations;
    return 0;
  });
  auto partial = PartialFile::Create(files, folder.To("content"));
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE((*partial)->Allocate(kManifestBlock).ok());
  ASSERT_TRUE((*partial)->Restart().ok());
  EXPECT_EQ(allocations, 2);  // Truncation gives the room back.
}

TEST(PartialFileRoomTest, RoomThatTheContentDoesNotNeedIsGivenBack) {
  const Folder folder;
  auto partial = PartialFile::Create(FileApi::Real(), folder.To("content"));
  ASSERT_TRUE(partial.ok());
  // It was told wrong at first.
  ASSERT_TRUE((*partial)->Allocate(9 * kManifestBlock).ok());
  ASSERT_TRUE((*partial)->Allocate(kManifestBlock).ok());
  ASSERT_TRUE((*partial)->Write(0, Bytes(Content(kManifestBlock))).ok());
  ASSERT_TRUE((*partial)->EndAt(kManifestBlock).ok());
  ASSERT_TRUE((*partial)->Commit().ok());
  struct stat status;
  ASSERT_EQ(stat(folder.path("content").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, static_cast<off_t>(kManifestBlock));
  EXPECT_LT(status.st_blocks * 512, off_t{2 * kManifestBlock});
}

// Of a longer content, which was not the right one.
TEST(PartialFileRoomTest, WhatIsBehindTheEndIsCutOff) {
  const Folder folder;
  auto partial = PartialFile::Create(FileApi::Real(), folder.To("content"));
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE((*partial)->Write(0, Bytes("the content, and more")).ok());
  ASSERT_TRUE((*partial)->EndAt(11).ok());
  ASSERT_TRUE((*partial)->Commit().ok());
  EXPECT_EQ(folder.Get("content"), "the content");
}

TEST(PartialFileRoomTest, FileThatWasCutOffIsNotTheContent) {
  const Folder folder;
  auto partial = PartialFile::Create(FileApi::Real(), folder.To("content"));
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE((*partial)->Write(0, Bytes("the content")).ok());
  std::filesystem::resize_file(folder.path(".tcptool-part.r1"), 4);
  EXPECT_TRUE(absl::IsDataLoss((*partial)->EndAt(11)));
  (*partial)->Abandon();
  EXPECT_TRUE(folder.Names().empty());
}

TEST(PartialFileRoomTest, WhatIsToldBehindTheEndChangesNothing) {
  const Folder folder;
  int allocations = 0;
  FaultyFiles files([&](Call call) {
    if (call == Call::kAllocate) ++allocations;
    return 0;
  });
  auto partial = PartialFile::Create(files, folder.To("content"));
  ASSERT_TRUE(partial.ok());
  ASSERT_TRUE((*partial)->Write(0, Bytes("whole")).ok());
  ASSERT_TRUE((*partial)->EndAt(5).ok());
  ASSERT_TRUE((*partial)->Allocate(kManifestBlock).ok());
  EXPECT_EQ(allocations, 0);
  // Of another content.
  ASSERT_TRUE((*partial)->Restart().ok());
  ASSERT_TRUE((*partial)->Allocate(2 * kManifestBlock).ok());
  EXPECT_EQ(allocations, 2);
}

// It may have been a lie.
TEST(PartialFileRoomTest, LengthWithoutRoomIsNoReasonNotToBeginAnew) {
  const Folder folder;
  auto partial = PartialFile::Create(FileApi::Real(), folder.To("content"));
  ASSERT_TRUE(partial.ok());
  ASSERT_FALSE((*partial)->Allocate(uint64_t{1} << 60).ok());
  EXPECT_TRUE((*partial)->Restart().ok());
}

TEST(PartialFileRoomTest, LackOfRoomIsSaidInBytes) {
  constexpr uint64_t kMore = uint64_t{1} << 26;
  constexpr uint64_t kMost = uint64_t{1} << 60;
  const Folder folder;
  int error = -ENOSPC;
  FaultyFiles files([&](Call call) {
    return call == Call::kAllocate || call == Call::kWrite ? error : 0;
  });
  auto partial = PartialFile::Create(files, folder.To("content"));
  ASSERT_TRUE(partial.ok());
  const std::string block = Content(kManifestBlock);
  const std::string needs =
      absl::StrCat("the content needs ", kMore, " bytes more");
  error = -EDQUOT;  // What a quota has left nobody says.
  EXPECT_THAT((*partial)->Allocate(kMore).ToString(), EndsWith(needs));
  error = -ENOSPC;
  EXPECT_THAT((*partial)->Allocate(kMore).ToString(),
              HasSubstr(needs + "; the file system has "));
  error = 0;  // The system's call is not even made.
  EXPECT_THAT(
      (*partial)->Allocate(kMost).ToString(),
      AllOf(HasSubstr(absl::StrCat("the content needs ", kMost, " bytes more")),
            EndsWith(" are missing")));
  // What it has got already is not missing.
  error = -EOPNOTSUPP;
  ASSERT_TRUE((*partial)->Allocate(kMore).ok());
  error = 0;
  ASSERT_TRUE((*partial)->Write(0, Bytes(block)).ok());
  error = -ENOSPC;
  EXPECT_THAT((*partial)->Write(kManifestBlock, Bytes(block)).ToString(),
              AllOf(HasSubstr("the content needs "), Not(HasSubstr(needs))));
}

TEST(PartialFileRoomTest, WhatAContentOfUnknownLengthNeedsIsNotSaid) {
  const Folder folder;
  FaultyFiles files(
      [](Call call) { return call == Call::kWrite ? -ENOSPC : 0; });
  auto partial = PartialFile::Create(files, folder.To("content"));
  ASSERT_TRUE(partial.ok());
  const absl::Status status =
      (*partial)->Write(0, Bytes(Content(kManifestBlock)));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("the file system has "),
                                       Not(HasSubstr("needs"))));
}

}  // namespace
}  // namespace tcptool::dataplane
