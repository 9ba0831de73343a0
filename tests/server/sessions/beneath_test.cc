// What can be found below a directory, by each way of walking a path: all of
// them have to agree.
#include "server/sessions/beneath.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace tcptool::server {
namespace {

namespace fs = std::filesystem;

using dataplane::UniqueFd;
using std::string_view_literals::operator""sv;

class BeneathTest : public testing::TestWithParam<BeneathMethod> {
 protected:
  BeneathTest() {
    std::string name = testing::TempDir() + "/beneath.XXXXXX";
    home_ = mkdtemp(name.data());
    fs::create_directories(home_ / "root/a/b");
    Write("outside", "outside");
    Write("root/file", "file");
    Write("root/a/file", "a/file");
    Write("root/a/b/file", "a/b/file");
    root_ = UniqueFd(open((home_ / "root").c_str(), O_PATH | O_DIRECTORY));
  }
  ~BeneathTest() override { fs::remove_all(home_); }

  void Write(const std::string& name, const std::string& content) {
    std::ofstream(home_ / name) << content;
  }

  void Link(const std::string& name, const std::string& target) {
    fs::create_symlink(target, home_ / "root" / name);
  }

  // What the file has, or the error's name.
  std::string Read(const std::string& path) { return ReadAt(root_, path); }

  static std::string ReadAt(const UniqueFd& root, const std::string& path) {
    const UniqueFd found = FindBeneath(GetParam(), root.get(), path);
    if (!found.valid()) {
      return errno == EXDEV ? "leaves" : strerrorname_np(errno);
    }
    const UniqueFd fd(
        open(("/proc/self/fd/" + std::to_string(found.get())).c_str(),
             O_RDONLY | O_NONBLOCK));
    if (!fd.valid()) return strerrorname_np(errno);
    char content[64];
    const ssize_t size = read(fd.get(), content, sizeof content);
    if (size < 0) return strerrorname_np(errno);
    return std::string(content, static_cast<size_t>(size));
  }

  fs::path home_;
  UniqueFd root_;
};

TEST_P(BeneathTest, FilesAreFoundByTheirPaths) {
  EXPECT_EQ(Read("file"), "file");
  EXPECT_EQ(Read("a/b/file"), "a/b/file");
  EXPECT_EQ(Read("./a/.//b///file"), "a/b/file");
  EXPECT_EQ(Read("a/../file"), "file");
  EXPECT_EQ(Read("a/b/../../a/file"), "a/file");
}

TEST_P(BeneathTest, LinksAreFollowedBelowTheDirectory) {
  Link("to_file", "a/file");
  Link("to_directory", "a/b/");
  Link("a/b/up", "../../file");
  Link("twice", "to_directory/up");
  Link("here", ".");
  EXPECT_EQ(Read("to_file"), "a/file");
  EXPECT_EQ(Read("to_directory/file"), "a/b/file");
  EXPECT_EQ(Read("a/b/up"), "file");
  EXPECT_EQ(Read("twice"), "file");
  EXPECT_EQ(Read("here/here/./file"), "file");
  // Up from where the link leads, not from where it lies.
  EXPECT_EQ(Read("to_directory/../file"), "a/file");
}

TEST_P(BeneathTest, NothingLeavesTheDirectory) {
  Link("up", "../outside");
  Link("up_directory", "..");
  Link("absolute", (home_ / "root/file").string());
  Link("a/climb", "b/../../../outside");
  for (const std::string path :
       {"../outside", "../root/file", "..", "a/../../outside",
        "a/b/../../../outside", "./../outside", "up", "up_directory/outside",
        "up_directory", "absolute", "a/climb"}) {
    EXPECT_EQ(Read(path), "leaves") << path;
  }
  EXPECT_EQ(Read((home_ / "root/file").string()), "leaves");
  EXPECT_EQ(Read("/"), "leaves");
}

TEST_P(BeneathTest, LinksThatLeadToThemselvesEnd) {
  Link("loop", "loop");
  Link("one", "two/file");
  Link("two", "one");
  Link("grows", "grows/x");
  EXPECT_EQ(Read("loop"), "ELOOP");
  EXPECT_EQ(Read("loop/file"), "ELOOP");
  EXPECT_EQ(Read("one"), "ELOOP");
  EXPECT_EQ(Read("grows"), "ELOOP");
}

TEST_P(BeneathTest, WhatIsNotThereIsSaid) {
  Link("nowhere", "a/none");
  EXPECT_EQ(Read("none"), "ENOENT");
  EXPECT_EQ(Read("none/file"), "ENOENT");
  EXPECT_EQ(Read("nowhere"), "ENOENT");
  EXPECT_EQ(Read(""), "ENOENT");
  EXPECT_EQ(Read("file/x"), "ENOTDIR");
  EXPECT_EQ(Read("file/"), "ENOTDIR");
  EXPECT_EQ(Read("file/."), "ENOTDIR");
  EXPECT_EQ(Read("file/.."), "ENOTDIR");
  EXPECT_EQ(Read(std::string(300, 'x')), "ENAMETOOLONG");
  EXPECT_EQ(Read(std::string(2500, '/').insert(0, "a") +
                 std::string(2500, '/') + "file"),
            "ENAMETOOLONG");
  // A directory is found: the caller looks at what it has got.
  EXPECT_EQ(Read("a"), "EISDIR");
  EXPECT_EQ(Read("a/"), "EISDIR");
  EXPECT_EQ(Read("a/b/.."), "EISDIR");
  EXPECT_EQ(Read("."), "EISDIR");
}

TEST_P(BeneathTest, NoPathEndsAtANul) {
  for (const std::string_view path :
       {"file\0"sv, "file\0/none"sv, "a\0b/file"sv, "\0"sv}) {
    EXPECT_EQ(Read(std::string(path)), "EINVAL");
  }
}

// As its writer would see.
TEST_P(BeneathTest, NothingIsOpened) {
  const std::string fifo = (home_ / "root/fifo").string();
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const UniqueFd found = FindBeneath(GetParam(), root_.get(), "fifo");
  ASSERT_TRUE(found.valid());
  EXPECT_FALSE(UniqueFd(open(fifo.c_str(), O_WRONLY | O_NONBLOCK)).valid());
  EXPECT_EQ(errno, ENXIO);
}

// /proc is mounted on "/"; /proc/self is a link, and what is in /proc/self/fd
// leads anywhere, whatever it says.
TEST_P(BeneathTest, MountsAreEnteredAndMagicLinksAreNot) {
  const UniqueFd system(open("/", O_PATH | O_DIRECTORY));
  std::string name;
  std::getline(std::ifstream("/proc/self/comm"), name);
  EXPECT_EQ(ReadAt(system, "proc/self/comm"), name + "\n");
  EXPECT_EQ(ReadAt(system, "proc/self/cwd"), "leaves");
  EXPECT_EQ(ReadAt(system, "proc/self/root/etc/passwd"), "leaves");
}

TEST_P(BeneathTest, NoDescriptorIsLeft) {
  Link("out", "../outside");
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"),
                         fs::directory_iterator());
  };
  const auto before = descriptors();
  for (const char* path : {"a/b/file", "a/b/../none", "a/b/../../out", "a/x/y"})
    Read(path);
  EXPECT_EQ(descriptors(), before);
}

// A directory is exchanged for a link that leads out, and moved out itself,
// while paths through it are walked.
TEST_P(BeneathTest, RenamesLeadNobodyOut) {
  fs::create_directories(home_ / "elsewhere/b");
  Write("elsewhere/b/file", "outside");
  Write("elsewhere/file", "outside");
  Link("swap", "../elsewhere");
  const std::string a = (home_ / "root/a").string();
  const std::string swap = (home_ / "root/swap").string();
  const std::string moved = (home_ / "elsewhere/moved").string();
  std::atomic<bool> done = false;
  std::atomic<int> rounds = 0;
  std::thread renamer([&] {
    while (!done) {
      EXPECT_EQ(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, swap.c_str(),
                          RENAME_EXCHANGE),
                0);
      EXPECT_EQ(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, swap.c_str(),
                          RENAME_EXCHANGE),
                0);
      EXPECT_EQ(rename(a.c_str(), moved.c_str()), 0);
      EXPECT_EQ(rename(moved.c_str(), a.c_str()), 0);
      ++rounds;
    }
  });
  int read = 0;
  while (rounds < 300 || read == 0) {
    for (const char* path : {"a/b/file", "a/b/../file", "a/b/../../file"}) {
      const std::string got = Read(path);
      EXPECT_NE(got, "outside") << path;
      if (got.ends_with("file")) ++read;
    }
  }
  done = true;
  renamer.join();
}

TEST(ChooseBeneathMethodTest, IsOfTheKernelWhereItHasOne) {
  EXPECT_EQ(ChooseBeneathMethod(), BeneathMethod::kOpenat2);
  EXPECT_EQ(BeneathMethodName(BeneathMethod::kOpenat2), "openat2");
  EXPECT_EQ(BeneathMethodName(BeneathMethod::kSteps), "steps");
}

INSTANTIATE_TEST_SUITE_P(, BeneathTest,
                         testing::Values(BeneathMethod::kOpenat2,
                                         BeneathMethod::kSteps),
                         [](const auto& info) {
                           return std::string(BeneathMethodName(info.param));
                         });

}  // namespace
}  // namespace tcptool::server
