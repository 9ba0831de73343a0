// Destinations in real folders, by both ways of walking a path.
#include "server/receptions/destination.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/dataplane/receiving/files.h"

namespace tcptool::server {
namespace {

class DestinationTest : public testing::TestWithParam<BeneathMethod> {
 protected:
  DestinationTest() {
    std::filesystem::create_directory(folder_.path("folder"));
    std::filesystem::create_directory_symlink("folder", folder_.path("inside"));
    std::filesystem::create_directory_symlink("/tmp", folder_.path("outside"));
  }

  absl::Status Open(const std::string& path, const std::string& name,
                    uint64_t length = 0) {
    destination_ = {.name = name, .id = "r1"};
    return OpenDestination(root_, path, length, destination_);
  }

  const dataplane::Folder folder_;
  const ContentRoot root_{"disk", folder_.path(""), GetParam()};
  dataplane::Destination destination_;
};

TEST_P(DestinationTest, OpensFoldersBelowTheRoot) {
  for (const char* path : {".", "folder", "inside", "folder/../inside"}) {
    EXPECT_TRUE(Open(path, "file").ok()) << path;
    EXPECT_TRUE(destination_.directory.valid()) << path;
    // It can be synced, as one by O_PATH cannot.
    EXPECT_EQ(fsync(destination_.directory.get()), 0) << path;
  }
}

TEST_P(DestinationTest, RefusesWhatLeavesTheRoot) {
  for (const char* path : {"..", "folder/../..", "outside", "/", "/tmp"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(Open(path, "file"))) << path;
  }
}

TEST_P(DestinationTest, ErrorsNeverShowWhereTheRootIs) {
  for (const char* path : {"..", "none"}) {
    const std::string message(Open(path, "file").message());
    EXPECT_NE(message, "");
    EXPECT_EQ(message.find(folder_.path("").string()), std::string::npos);
  }
}

TEST_P(DestinationTest, RemovesThePartialFileOfOneIdUnlessItIsOpen) {
  folder_.Put("folder/.tcptool-part.a", "a");
  folder_.Put("folder/.tcptool-part.b", "b");
  folder_.Put("folder/a", "a");
  const auto removed = RemovePartialFile(root_, "folder", "a");
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 1u);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("folder/.tcptool-part.a")));
  EXPECT_TRUE(std::filesystem::exists(folder_.path("folder/.tcptool-part.b")));
  EXPECT_TRUE(std::filesystem::exists(folder_.path("folder/a")));
  ASSERT_TRUE(Open("folder", "content").ok());
  const auto open = dataplane::PartialFile::Create(dataplane::FileApi::Real(),
                                                   std::move(destination_));
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(*RemovePartialFile(root_, "folder", "r1"), 0u);
  EXPECT_TRUE(absl::IsNotFound(RemovePartialFile(root_, "none", "a").status()));
}

INSTANTIATE_TEST_SUITE_P(Methods, DestinationTest,
                         testing::Values(BeneathMethod::kOpenat2,
                                         BeneathMethod::kSteps));

}  // namespace
}  // namespace tcptool::server
