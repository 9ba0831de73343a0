// What is no regular file, or somebody else's, is neither replaced by a content
// nor written to.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>

#include "dataplane/receiving/manifest.h"
#include "dataplane/receiving/partial_file.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

TEST(PartialFileKindTest, OnlyRegularFilesAreReplaced) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("content"));
  std::filesystem::create_symlink("elsewhere", folder.path("link"));
  for (const char* name : {"content", "link"}) {
    Destination destination = folder.To(name);
    destination.overwrite = true;
    EXPECT_TRUE(absl::IsFailedPrecondition(CheckDestination(destination)));
  }
}

TEST(PartialFileKindTest, OnlyRegularFilesAreReplacedAlsoIfTheyComeMeanwhile) {
  for (const bool is_link : {false, true}) {
    const Folder folder;
    Destination destination = folder.To("content");
    destination.overwrite = true;
    const auto file =
        PartialFile::Create(FileApi::Real(), std::move(destination));
    ASSERT_TRUE(file.ok()) << file.status();
    if (is_link) {
      std::filesystem::create_symlink("elsewhere", folder.path("content"));
    } else {
      ASSERT_EQ(mkfifo(folder.path("content").c_str(), 0600), 0);
    }
    EXPECT_TRUE(absl::IsFailedPrecondition((*file)->Commit()));
    EXPECT_FALSE((*file)->committed());
    const auto status = std::filesystem::symlink_status(folder.path("content"));
    EXPECT_EQ(status.type(), is_link ? std::filesystem::file_type::symlink
                                     : std::filesystem::file_type::fifo);
    (*file)->Abandon();
    EXPECT_EQ(folder.Names(), std::set<std::string>{"content"});
  }
}

// A partial file that a process has left behind after its checkpoint.
void LeaveBehind(const Folder& folder) {
  Destination destination = folder.To("content");
  destination.resumable = true;
  auto partial = PartialFile::Create(FileApi::Real(), std::move(destination));
  ASSERT_TRUE(partial.ok());
  const std::string block = Content(kManifestBlock);
  ASSERT_TRUE((*partial)->Write(0, Bytes(block)).ok());
  const Digest digest = Sha256::Of(Bytes(block));
  ASSERT_TRUE((*partial)->Checkpoint({&digest, 1}).ok());
}

TEST(PartialFileKindTest, WhatIsNoRegularFileIsNotOpened) {
  for (const std::string name : {".tcptool-part.r1", ".tcptool-part.r1.map"}) {
    const Folder folder;
    LeaveBehind(folder);
    std::filesystem::remove(folder.path(name));
    ASSERT_EQ(mkfifo(folder.path(name).c_str(), 0600), 0);
    int opened = 0;
    FaultyFiles files([&](FaultyFiles::Call call) {
      opened += call == FaultyFiles::Call::kOpen ? 1 : 0;
      return 0;
    });
    const int opened_before = name.ends_with(kMapSuffix) ? 1 : 0;
    const auto destination = [&] {
      Destination to = folder.To("content");
      to.resumable = true;
      return to;
    };
    for (const bool resumes : {true, false}) {
      opened = 0;
      const auto partial = resumes ? PartialFile::Resume(files, destination())
                                   : PartialFile::Create(files, destination());
      EXPECT_TRUE(absl::IsFailedPrecondition(partial.status()))
          << partial.status();
      EXPECT_NE(partial.status().message().find(name), std::string::npos);
      EXPECT_EQ(opened, opened_before) << name;
    }
  }
}

TEST(PartialFileKindTest, WhatIsLinkedToTheMapsPlaceIsNotWrittenTo) {
  for (const bool resumes : {true, false}) {
    const Folder folder;
    LeaveBehind(folder);
    const std::string map = ".tcptool-part.r1.map";
    folder.Put("other", "somebody else's");
    std::filesystem::remove(folder.path(map));
    std::filesystem::create_hard_link(folder.path("other"), folder.path(map));
    const auto destination = [&] {
      Destination to = folder.To("content");
      to.resumable = true;
      return to;
    };
    if (resumes) {
      const auto partial = PartialFile::Resume(FileApi::Real(), destination());
      EXPECT_TRUE(absl::IsNotFound(partial.status())) << partial.status();
    }
    const auto partial = PartialFile::Create(FileApi::Real(), destination());
    ASSERT_TRUE(partial.ok()) << partial.status();
    EXPECT_EQ(folder.Get("other"), "somebody else's");
    EXPECT_EQ(std::filesystem::hard_link_count(folder.path("other")), 1);
    EXPECT_EQ(std::filesystem::hard_link_count(folder.path(map)), 1);
  }
}

}  // namespace
}  // namespace tcptool::dataplane
