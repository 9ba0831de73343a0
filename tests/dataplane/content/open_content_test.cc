// Files whose size says nothing.
#include "dataplane/content/open_content.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

std::string Contents(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(name).rdbuf();
  return text.str();
}

absl::StatusOr<std::shared_ptr<Source>> Open(const std::string& name) {
  return OpenContent(RandomAccessFile::FromDescriptor(
                         open(name.c_str(), O_RDONLY | O_CLOEXEC)),
                     0, std::nullopt);
}

// What the recipient of a session that serves `source` gets.
Peer::Result Serve(std::shared_ptr<Source> source) {
  OneSession one(std::move(source));
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded)
      << one.recorder->session().error;
  return peer.Join();
}

// Files that do not change while a test runs.
class PseudoFileTest : public testing::TestWithParam<const char*> {};

TEST_P(PseudoFileTest, IsServedWhole) {
  const std::string content = Contents(GetParam());
  if (content.empty()) GTEST_SKIP() << "this system has no " << GetParam();
  const Peer::Result result = Serve(*Open(GetParam()));
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(result.data, content);
}

INSTANTIATE_TEST_SUITE_P(Files, PseudoFileTest,
                         testing::Values("/proc/version", "/proc/filesystems",
                                         "/sys/kernel/mm/transparent_hugepage/"
                                         "enabled",
                                         "/sys/class/net/lo/type"));

// As some FUSE file systems have it: 0 bytes, and content of several blocks.
class FakeFile : public RandomAccessFile {
 public:
  explicit FakeFile(std::string content) : content_(std::move(content)) {}
  absl::StatusOr<FileState> State() const override {
    // Some make a time stamp for each look.
    const absl::Time looked = absl::UnixEpoch() + absl::Seconds(++looks_);
    return FileState{.size = size, .modified = looked, .changed = looked};
  }
  ssize_t ReadCached(uint64_t, std::span<std::byte>) override {
    return -EAGAIN;
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    if (offset >= fail_at) return -EIO;
    if (offset >= says_size_at) size = content_.size();
    const size_t size =
        std::min<uint64_t>(buffer.size(), content_.size() - offset);
    std::memcpy(buffer.data(), content_.data() + offset, size);
    return static_cast<ssize_t>(size);
  }
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

  uint64_t fail_at = ~uint64_t{0};
  // Which read has it say what it has.
  uint64_t says_size_at = ~uint64_t{0};
  std::atomic<uint64_t> size = 0;

 private:
  const std::string content_;
  mutable std::atomic<int> looks_ = 0;
};

TEST(OpenContentTest, FileThatSaysItIsEmptyAndIsNotIsServedWhole) {
  const std::string content = Content(24'000'001);
  const Peer::Result result =
      Serve(*OpenContent(std::make_shared<FakeFile>(content), 0, std::nullopt));
  EXPECT_EQ(result.error, 0);
  EXPECT_TRUE(result.data == content);
}

// It is being written: what is there at the first look is not all.
TEST(OpenContentTest, FileThatIsNotEmptyAnyMoreHasALength) {
  const auto file = std::make_shared<FakeFile>(Content(5'000));
  file->says_size_at = 0;
  const auto source = OpenContent(file, 0, std::nullopt);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ((*source)->length(), 5'000);
}

TEST(OpenContentTest, FileThatGetsASizeWhileItIsReadIsTakenByNobodyForWhole) {
  const auto file = std::make_shared<FakeFile>(Content(24'000'001));
  file->says_size_at = 5'000'000;
  OneSession one(*OpenContent(file, 0, std::nullopt));
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(peer.Join().error, ECONNRESET);
}

TEST(OpenContentTest, ReadErrorResetsTheRecipients) {
  const auto file = std::make_shared<FakeFile>(Content(24'000'001));
  file->fail_at = 5'000'000;
  OneSession one(*OpenContent(file, 0, std::nullopt));
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(peer.Join().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
}

TEST(OpenContentTest, EmptyFileIsAFile) {
  const auto source =
      OpenContent(RandomAccessFile::FromDescriptor(MemoryFile("").release()), 0,
                  std::nullopt);
  EXPECT_TRUE((*source)->rereadable());
  EXPECT_EQ((*source)->length(), 0u);
}

TEST(OpenContentTest, PartOfAFileWithoutASizeIsRefused) {
  EXPECT_TRUE(absl::IsOutOfRange(
      OpenContent(std::make_shared<FakeFile>("content"), 3, std::nullopt)
          .status()));
  EXPECT_TRUE(absl::IsOutOfRange(
      OpenContent(std::make_shared<FakeFile>("content"), 0, 3).status()));
}

}  // namespace
}  // namespace tcptool::dataplane
