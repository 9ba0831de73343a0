// The process is killed (SIGKILL) at any moment of receptions that go on one
// after the other: under the name is the old content or the whole new one, and
// beside it one partial file at most.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "dataplane/receiving/manifest.h"
#include "dataplane/receiving/partial_file.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kBlocks = 3;
constexpr size_t kSize = kBlocks * kManifestBlock + 1'000;

// The content number `round`: none has a byte at the place that another has.
std::string ContentOf(int round) {
  static const std::string base = Content(kSize);
  std::string content = base;
  for (char& byte : content) byte = static_cast<char>(byte + round);
  return content;
}

// Takes up what there is of the content, or begins it, and completes it.
absl::Status ReceiveOnce(FileApi& files, const Folder& folder, int round,
                         bool overwrite = true) {
  const auto destination = [&folder, overwrite] {
    Destination to = folder.To("content");
    to.overwrite = overwrite;
    to.resumable = true;
    return to;
  };
  auto partial = PartialFile::Resume(files, destination());
  if (!partial.ok()) partial = PartialFile::Create(files, destination());
  if (!partial.ok()) return partial.status();
  const std::string content = ContentOf(round);
  const auto bytes = std::as_bytes(std::span(content));
  size_t first = (*partial)->kept().size();
  // What was taken up may be of another content: its digests tell.
  for (size_t i = 0; i < first; ++i) {
    if ((*partial)->kept()[i] !=
        Sha256::Of(bytes.subspan(i * kManifestBlock, kManifestBlock))) {
      partial->reset();
      partial = PartialFile::Create(files, destination());
      if (!partial.ok()) return partial.status();
      first = 0;
    }
  }
  for (size_t i = first; i <= kBlocks; ++i) {
    const auto block = bytes.subspan(
        i * kManifestBlock,
        std::min<size_t>(kManifestBlock, kSize - i * kManifestBlock));
    absl::Status status = (*partial)->Write(i * kManifestBlock, block);
    if (status.ok() && i < kBlocks) {
      const Digest digest = Sha256::Of(block);
      status = (*partial)->Checkpoint({&digest, 1});
    }
    if (!status.ok()) return status;
  }
  return (*partial)->Commit();
}

void CheckFolder(const Folder& folder, int rounds) {
  const auto names = folder.Names();
  size_t partial_files = 0;
  for (const std::string& name : names) {
    if (name == ".tcptool-part.r1") ++partial_files;
    EXPECT_TRUE(name == "content" || name == ".tcptool-part.r1" ||
                name == ".tcptool-part.r1.map")
        << name;
  }
  EXPECT_LE(partial_files, 1u);
  if (!names.contains("content")) return;
  const std::string content = folder.Get("content");
  ASSERT_FALSE(content.empty());
  const int round = static_cast<unsigned char>(content[0] - ContentOf(0)[0]);
  EXPECT_LT(round, rounds);
  EXPECT_TRUE(content == ContentOf(round));
}

// Runs `child` in a process of its own, to be killed.
template <typename Child>
pid_t Fork(Child child) {
  const pid_t pid = fork();
  if (pid == 0) {
    child();
    _exit(0);
  }
  return pid;
}

// Before each system call that there is, in turn.
TEST(PartialFileKilledTest, BeforeEachSystemCall) {
  const Folder folder;
  ASSERT_TRUE(ReceiveOnce(FileApi::Real(), folder, 0).ok());
  int moments = 0;
  for (bool killed = true; killed; ++moments) {
    const pid_t pid = Fork([&folder, moments] {
      int calls = 0;
      FaultyFiles files([&](FaultyFiles::Call) {
        if (calls++ == moments) raise(SIGKILL);
        return 0;
      });
      // Two: what one has left meets the next.
      for (int round = 1; round < 3; ++round) {
        if (!ReceiveOnce(files, folder, round).ok()) _exit(1);
      }
    });
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    killed = WIFSIGNALED(status);
    ASSERT_TRUE(killed || WEXITSTATUS(status) == 0);
    CheckFolder(folder, 3);
    if (testing::Test::HasFailure()) FAIL() << "before call " << moments;
  }
  EXPECT_GT(moments, 20);
  EXPECT_EQ(folder.Names(), std::set<std::string>{"content"});
}

// Where a file system cannot rename without replacing, the whole content has
// both names for a moment. Somebody may have moved it before the next attempt.
TEST(PartialFileKilledTest, BetweenTheLinkAndTheUnlink) {
  const Folder folder;
  const pid_t pid = Fork([&folder] {
    FaultyFiles files([](FaultyFiles::Call call) {
      if (call == FaultyFiles::Call::kUnlink) raise(SIGKILL);
      return call == FaultyFiles::Call::kRename ? -EINVAL : 0;
    });
    ReceiveOnce(files, folder, 1, false).IgnoreError();
  });
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_TRUE(folder.Get("content") == ContentOf(1));
  std::filesystem::rename(folder.path("content"), folder.path("moved"));
  const absl::Status received = ReceiveOnce(FileApi::Real(), folder, 2, false);
  EXPECT_TRUE(received.ok()) << received;
  EXPECT_TRUE(folder.Get("content") == ContentOf(2));
  EXPECT_TRUE(folder.Get("moved") == ContentOf(1));
  EXPECT_EQ(folder.Names(), (std::set<std::string>{"content", "moved"}));
}

TEST(PartialFileKilledTest, AtRandomMoments) {
  constexpr int kMoments = 60;
  const Folder folder;
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  // The longest time until it is killed: that of two receptions.
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(ReceiveOnce(FileApi::Real(), folder, 0).ok());
  const auto longest = std::chrono::duration_cast<std::chrono::microseconds>(
      2 * (std::chrono::steady_clock::now() - began));
  std::uniform_int_distribution<int64_t> delay(0, longest.count());
  for (int moment = 0; moment < kMoments; ++moment) {
    const pid_t pid = Fork([&folder] {
      for (int round = 0;; round = (round + 1) % 100) {
        if (!ReceiveOnce(FileApi::Real(), folder, round).ok()) _exit(1);
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(delay(random)));
    kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
    CheckFolder(folder, 100);
    if (testing::Test::HasFailure()) {
      FAIL() << "moment " << moment << ", seed " << seed;
    }
  }
  ASSERT_TRUE(ReceiveOnce(FileApi::Real(), folder, 7).ok());
  EXPECT_TRUE(folder.Get("content") == ContentOf(7));
  EXPECT_EQ(folder.Names(), std::set<std::string>{"content"});
}

}  // namespace
}  // namespace tcptool::dataplane
