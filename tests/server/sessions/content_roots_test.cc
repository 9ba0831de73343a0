// Roots on real directories.
#include "server/sessions/content_roots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/unique_fd.h"
#include "tests/dataplane/no_threads.h"
#include "tests/server/error_reason.h"
#include "tests/server/hanging_root.h"

namespace tcptool::server {
namespace {

using ::testing::HasSubstr;

class ContentRootsTest : public testing::Test {
 protected:
  ContentRootsTest() {
    std::string pattern = testing::TempDir() + "/roots.XXXXXX";
    home_ = mkdtemp(pattern.data());
    std::filesystem::create_directory(home_ / "blue");
    std::filesystem::create_directory(home_ / "green");
  }
  ~ContentRootsTest() override { std::filesystem::remove_all(home_); }

  void Write(const std::string& path, const std::string& text) {
    std::ofstream(home_ / path) << text;
  }
  absl::Status Add(const std::string& directory) {
    return roots_.Add(absl::StrCat("files=", (home_ / directory).string()));
  }

  // The size of a file in the root "files".
  absl::StatusOr<uint64_t> SizeOf(const std::string& path) {
    std::promise<absl::StatusOr<uint64_t>> size;
    roots_.Run<uint64_t>(
        "files",
        [path](const ContentRoot& root) -> absl::StatusOr<uint64_t> {
          auto file = root.Open(path);
          if (!file.ok()) return file.status();
          const auto state = (*file)->State();
          if (!state.ok()) return state.status();
          return state->size;
        },
        [&size](const absl::StatusOr<uint64_t>& result) {
          size.set_value(result);
        });
    return size.get_future().get();
  }

  std::filesystem::path home_;
  ContentRoots roots_;
};

TEST_F(ContentRootsTest, LinkThatIsSwitchedLeadsToTheNewDirectory) {
  Write("blue/file", "1");
  Write("green/file", "22");
  std::filesystem::create_directory_symlink(home_ / "blue", home_ / "link");
  ASSERT_TRUE(Add("link").ok());
  EXPECT_EQ(*SizeOf("file"), 1u);
  std::filesystem::create_directory_symlink(home_ / "green", home_ / "next");
  std::filesystem::rename(home_ / "next", home_ / "link");
  EXPECT_EQ(*SizeOf("file"), 2u);
}

TEST_F(ContentRootsTest, DirectoryThatIsReplacedIsServedAsItIsNow) {
  ASSERT_TRUE(Add("blue").ok());
  EXPECT_TRUE(absl::IsNotFound(SizeOf("file").status()));
  std::filesystem::rename(home_ / "blue", home_ / "old");
  const auto gone = SizeOf("file").status();
  EXPECT_TRUE(absl::IsNotFound(gone)) << gone;
  EXPECT_THAT(std::string(gone.message()), HasSubstr("root \"files\""));
  std::filesystem::create_directory(home_ / "blue");
  Write("blue/file", "333");
  EXPECT_EQ(*SizeOf("file"), 3u);
}

TEST_F(ContentRootsTest, FifoIsRefusedWithoutBeingOpened) {
  ASSERT_TRUE(Add("blue").ok());
  const std::string fifo = home_ / "blue" / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const dataplane::UniqueFd opens(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(opens.get(), fifo.c_str(), IN_OPEN), 0);
  const auto refused = SizeOf("fifo").status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  char event[sizeof(inotify_event) + NAME_MAX + 1];
  EXPECT_EQ(read(opens.get(), event, sizeof event), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(ContentRootsTest, LinksAndDotsDoNotLeadOut) {
  Write("secret", "s");
  ASSERT_TRUE(Add("blue").ok());
  std::filesystem::create_symlink("../secret", home_ / "blue" / "out");
  EXPECT_TRUE(absl::IsPermissionDenied(SizeOf("out").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(SizeOf("../secret").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(SizeOf("/etc/passwd").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SizeOf(".").status()));
}

TEST_F(ContentRootsTest, RootThatIsBlockedStopsNoOther) {
  ContentRoots roots(absl::Milliseconds(50));
  ASSERT_TRUE(roots.Add(absl::StrCat("dead=", home_.string())).ok());
  ASSERT_TRUE(roots.Add(absl::StrCat("alive=", home_.string())).ok());
  auto back = std::make_shared<std::promise<void>>();
  const std::shared_future<void> is_back = back->get_future().share();
  const auto run = [&roots](const std::string& root, auto work) {
    auto result = std::make_shared<std::promise<absl::Status>>();
    roots.Run<bool>(root, work, [result](const absl::StatusOr<bool>& answer) {
      result->set_value(answer.status());
    });
    return result->get_future().get();
  };
  const auto waits = [is_back](const ContentRoot&) -> absl::StatusOr<bool> {
    is_back.wait();
    return true;
  };
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = run("dead", waits);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(ReasonOf(status), "ROOT_DOES_NOT_ANSWER");
    EXPECT_THAT(std::string(status.message()), HasSubstr("root \"dead\""));
  }
  const auto works = [](const ContentRoot&) -> absl::StatusOr<bool> {
    return true;
  };
  EXPECT_TRUE(run("alive", works).ok());
  std::promise<std::vector<ContentRoots::Space>> spaces;
  roots.GetSpaces([&spaces](std::vector<ContentRoots::Space> all) {
    spaces.set_value(std::move(all));
  });
  const auto all = spaces.get_future().get();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "alive");
  EXPECT_TRUE(all[0].space.free_bytes.has_value());
  EXPECT_FALSE(all[1].space.free_bytes.has_value());
  back->set_value();
}

TEST_F(ContentRootsTest, WithoutAThreadTheSystemsLimitIsTold) {
  ASSERT_TRUE(Add("blue").ok());
  const dataplane::NoThreads none;
  std::promise<absl::Status> looked;
  roots_.Look<bool>(
      "files", [](const ContentRoot&) -> absl::StatusOr<bool> { return true; },
      [&looked](const absl::StatusOr<bool>& result) {
        looked.set_value(result.status());
      });
  const absl::Status status = looked.get_future().get();
  EXPECT_EQ(ReasonOf(status), "SYSTEM_LIMIT");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no thread for root \"files\""));
}

// Whoever has asked may be gone when the disk answers.
TEST_F(ContentRootsTest, DiskThatHangsKeepsNothingOfWhoHasItsAnswer) {
  ContentRoots roots(absl::Hours(1));
  ASSERT_TRUE(roots.Add(absl::StrCat("files=", home_.string())).ok());
  const HangingRoot disk(roots, "files");
  disk.Hang();
  auto asker = std::make_shared<bool>(false);
  const std::weak_ptr<const bool> kept = asker;
  roots.Run<bool>(
      "files", [](const ContentRoot&) -> absl::StatusOr<bool> { return true; },
      [asker = std::move(asker)](const absl::StatusOr<bool>&) {});
  EXPECT_FALSE(kept.expired());
  roots.AnswerPending();
  EXPECT_TRUE(kept.expired());
}

}  // namespace
}  // namespace tcptool::server
