// Destinations in real folders, by both ways of walking a path.
#include "server/receptions/destination.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <set>
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
  const auto removed = RemovePartialFiles(root_, "folder", {.gone = {"a"}});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 1u);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("folder/.tcptool-part.a")));
  EXPECT_TRUE(std::filesystem::exists(folder_.path("folder/.tcptool-part.b")));
  EXPECT_TRUE(std::filesystem::exists(folder_.path("folder/a")));
  ASSERT_TRUE(Open("folder", "content").ok());
  const auto open = dataplane::PartialFile::Create(dataplane::FileApi::Real(),
                                                   std::move(destination_));
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(*RemovePartialFiles(root_, "folder", {.gone = {"r1"}}), 0u);
  EXPECT_TRUE(absl::IsNotFound(
      RemovePartialFiles(root_, "none", {.gone = {"a"}}).status()));
}

TEST_P(DestinationTest, RemovesOldPartialFilesOfThoseWhoDoNotGoOn) {
  const auto put = [this](const std::string& name, std::chrono::hours age) {
    folder_.Put("folder/" + name, "some");
    const auto path = folder_.path("folder/" + name);
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - age);
  };
  put(".tcptool-part.goes-on", std::chrono::hours(48));
  put(".tcptool-part.old", std::chrono::hours(48));
  put(".tcptool-part.young", std::chrono::hours(1));
  put("file", std::chrono::hours(48));
  const auto removed = RemovePartialFiles(
      root_, "folder", {.going_on = std::set<std::string>{"goes-on"}});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 1u);
  for (const char* name :
       {".tcptool-part.goes-on", ".tcptool-part.young", "file"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_.path("folder") / name)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, DestinationTest,
                         testing::Values(BeneathMethod::kOpenat2,
                                         BeneathMethod::kSteps));

}  // namespace
}  // namespace tcptool::server
