// Directories of all kinds, a page at a time.
#include "server/sessions/directory_listing.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sessions/beneath.h"
#include "tests/server/error_reason.h"

namespace tcptool::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DirectoryListingTest : public testing::TestWithParam<BeneathMethod> {
 protected:
  DirectoryListingTest() { std::filesystem::create_directory(home_ / "root"); }
  ~DirectoryListingTest() override { std::filesystem::remove_all(home_); }

  void Write(const std::string& path, const std::string& text = "") {
    std::ofstream(home_ / "root" / path) << text;
  }
  std::filesystem::path At(const std::string& path) const {
    return home_ / "root" / path;
  }

  absl::StatusOr<v1::ListFilesResponse> List(v1::ListFilesRequest request,
                                             size_t max_entries = 100) {
    const auto page = NamePage::Of(request);
    if (!page.ok()) return page.status();
    return ListDirectory(
        root_, request.path(), *page,
        {.max_entries = max_entries, .is_late = [] { return false; }});
  }
  absl::StatusOr<v1::ListFilesResponse> List(const std::string& path = "") {
    v1::ListFilesRequest request;
    request.set_root("files");
    request.set_path(path);
    return List(request);
  }
  std::vector<std::string> Names(const v1::ListFilesResponse& response) {
    std::vector<std::string> names;
    for (const auto& file : response.files()) names.push_back(file.name());
    return names;
  }

  static std::string NewHome() {
    std::string pattern = testing::TempDir() + "/listing.XXXXXX";
    return mkdtemp(pattern.data());
  }

  const std::filesystem::path home_ = NewHome();
  const ContentRoot root_{"files", At("").string(), GetParam()};
};

TEST_P(DirectoryListingTest, EntriesAreSortedAndSayWhatTheyAre) {
  Write("b", "four");
  Write("B");
  Write("with space");
  std::filesystem::create_directory(At("a"));
  ASSERT_EQ(mkfifo(At("fifo").c_str(), 0600), 0);
  const timespec times[2] = {{.tv_sec = 5, .tv_nsec = 6},
                             {.tv_sec = 1'700'000'000, .tv_nsec = 123'456'789}};
  ASSERT_EQ(utimensat(AT_FDCWD, At("b").c_str(), times, 0), 0);
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(Names(*list), ElementsAre("B", "a", "b", "fifo", "with space"));
  EXPECT_EQ(list->files(1).type(), v1::FILE_TYPE_DIRECTORY);
  EXPECT_FALSE(list->files(1).has_size_bytes());
  const v1::File& b = list->files(2);
  EXPECT_EQ(b.type(), v1::FILE_TYPE_REGULAR);
  EXPECT_EQ(b.size_bytes(), 4);
  EXPECT_EQ(b.modify_time().seconds(), 1'700'000'000);
  EXPECT_EQ(b.modify_time().nanos(), 123'456'789);
  EXPECT_EQ(list->files(3).type(), v1::FILE_TYPE_OTHER);
  EXPECT_EQ(list->next_page_token(), "");
  EXPECT_THAT(Names(*List("a")), ElementsAre());
}

TEST_P(DirectoryListingTest, LinksAreFollowedBelowTheRootAlone) {
  std::ofstream(home_ / "secret") << "secret";
  std::filesystem::create_directory(At("sub"));
  Write("sub/file", "12345");
  std::filesystem::create_symlink("sub/file", At("inside"));
  std::filesystem::create_symlink("sub", At("directory"));
  std::filesystem::create_symlink("../secret", At("outside"));
  std::filesystem::create_symlink(home_ / "secret", At("absolute"));
  std::filesystem::create_symlink("nothing", At("dangling"));
  std::filesystem::create_symlink("circle", At("circle"));
  std::map<std::string, v1::File> files;
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  for (const v1::File& file : list->files()) files[file.name()] = file;
  EXPECT_EQ(files["inside"].type(), v1::FILE_TYPE_REGULAR);
  EXPECT_EQ(files["inside"].size_bytes(), 5);
  EXPECT_EQ(files["directory"].type(), v1::FILE_TYPE_DIRECTORY);
  for (const char* const name : {"outside", "absolute", "dangling", "circle"}) {
    EXPECT_EQ(files[name].type(), v1::FILE_TYPE_SYMBOLIC_LINK) << name;
    EXPECT_FALSE(files[name].has_size_bytes()) << name;
    EXPECT_FALSE(files[name].has_modify_time()) << name;
  }
  EXPECT_THAT(Names(*List("directory")), ElementsAre("file"));
  EXPECT_EQ(StatFile(root_, "inside")->size_bytes(), 5);
  for (const char* const path :
       {"outside", "absolute", "../secret", "/etc", "..", "sub/../../secret"}) {
    const absl::Status status = StatFile(root_, path).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << path << ": " << status;
    EXPECT_THAT(status.message(), ::testing::Not(HasSubstr(home_.string())));
  }
}

TEST_P(DirectoryListingTest, PagesHaveEachEntryOnce) {
  std::vector<std::string> names;
  for (int i = 10; i < 33; ++i) {
    names.push_back(absl::StrCat("file.", i));
    Write(names.back());
  }
  v1::ListFilesRequest request;
  request.set_page_size(5);
  std::vector<std::string> listed;
  int pages = 0;
  do {
    const auto page = List(request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->files_size(), 5);
    for (const v1::File& file : page->files()) listed.push_back(file.name());
    request.set_page_token(page->next_page_token());
    // What comes and goes in between moves no other.
    Write(absl::StrCat("file.0", pages));
    std::filesystem::remove(At(absl::StrCat("file.0", pages - 1)));
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 5);
  EXPECT_EQ(listed, names);
}

TEST_P(DirectoryListingTest, ForgedTokenLeadsNowhere) {
  Write("a");
  v1::ListFilesRequest request;
  for (const char* const begin : {"../../etc/passwd", "a/../..", "\xff"}) {
    request.clear_page_token();
    request.set_page_token(NamePage::Of(request)->Token(begin));
    const auto list = List(request);
    ASSERT_TRUE(list.ok()) << list.status();
    EXPECT_LE(list->files_size(), 1);
  }
  request.clear_page_token();
  const std::string token = NamePage::Of(request)->Token("a");
  request.set_path("sub");
  request.set_page_token(token);
  EXPECT_TRUE(absl::IsInvalidArgument(List(request).status()));
}

TEST_P(DirectoryListingTest, DirectoryWithTooManyEntriesIsRefused) {
  for (int i = 0; i < 4; ++i) Write(absl::StrCat(i));
  EXPECT_EQ(List({}, 4)->files_size(), 4);
  const absl::Status status = List({}, 3).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("more than 3 entries"));
  EXPECT_EQ(ReasonOf(status), "DIRECTORY_TOO_LARGE");
}

TEST_P(DirectoryListingTest, NobodyReadsOnForWhomTheAnswerComesTooLate) {
  for (const char* const name : {"a", "b", "c"}) Write(name);
  // Before it is read, and before each of its entries is looked at.
  constexpr int kLooks = 4;
  for (int in_time = 0; in_time <= kLooks; ++in_time) {
    int looks = 0;
    const auto list =
        ListDirectory(root_, "", *NamePage::Of(v1::ListFilesRequest()),
                      {.is_late = [&] { return looks++ == in_time; }});
    EXPECT_EQ(list.ok(), in_time == kLooks);
    EXPECT_EQ(absl::IsUnavailable(list.status()), in_time < kLooks);
    EXPECT_EQ(looks, std::min(in_time + 1, kLooks));
  }
}

TEST_P(DirectoryListingTest, NamesThatAreNoUtf8AreLeftOut) {
  Write("\xff\xfe");
  Write("\xc3\xa4");
  EXPECT_THAT(Names(*List()), ElementsAre("\xc3\xa4"));
}

TEST_P(DirectoryListingTest, WhatIsNoDirectoryIsNotListed) {
  Write("file");
  EXPECT_TRUE(absl::IsNotFound(List("file").status()));
  EXPECT_TRUE(absl::IsNotFound(List("nothing").status()));
  EXPECT_TRUE(absl::IsNotFound(StatFile(root_, "nothing").status()));
  EXPECT_EQ(StatFile(root_, "")->type(), v1::FILE_TYPE_DIRECTORY);
  EXPECT_EQ(StatFile(root_, "file")->name(), "file");
}

TEST_P(DirectoryListingTest, NameIsTheLastPartOfAPathHoweverItEnds) {
  std::filesystem::create_directories(At("a/b"));
  std::filesystem::create_symlink("a", At("link"));
  Write("file");
  for (const char* const path : {"a/b", "a/b/", "a/b//", "a/b/.", "a//b/./",
                                 "./a/../a/b", "link/b/./."}) {
    EXPECT_EQ(StatFile(root_, path)->name(), "b") << path;
  }
  EXPECT_EQ(StatFile(root_, "link/")->name(), "link");
  for (const char* const path : {"", ".", "./", "././/."}) {
    EXPECT_EQ(StatFile(root_, path)->name(), "") << path;
  }
  for (const char* const path : {"a/..", "a/b/..", "a/../", "link/b/../."}) {
    const absl::Status status = StatFile(root_, path).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << path << ": " << status;
  }
  EXPECT_TRUE(absl::IsNotFound(StatFile(root_, "file/").status()));
}

TEST_P(DirectoryListingTest, LinksThatGoInACircleLeadToNothing) {
  std::filesystem::create_symlink("circle", At("circle"));
  for (const absl::Status& status :
       {StatFile(root_, "circle").status(), List("circle").status(),
        root_.Open("circle/file").status()}) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(ReasonOf(status), "FILE_NOT_FOUND");
    EXPECT_THAT(status.message(), HasSubstr("(ELOOP)"));
  }
}

TEST_P(DirectoryListingTest, TimesThatHaveNoTimestampAreTheNearest) {
  Write("old");
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = 0},
                             {.tv_sec = int64_t{1} << 60, .tv_nsec = 0}};
  if (utimensat(AT_FDCWD, At("old").c_str(), times, 0) != 0) {
    GTEST_SKIP() << "this file system refuses such a time";
  }
  EXPECT_LE(StatFile(root_, "old")->modify_time().seconds(), 253'402'300'799);
}

INSTANTIATE_TEST_SUITE_P(Methods, DirectoryListingTest,
                         testing::Values(ChooseBeneathMethod(),
                                         BeneathMethod::kSteps));

}  // namespace
}  // namespace tcptool::server
