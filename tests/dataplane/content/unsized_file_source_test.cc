// Files whose size says nothing, read as a stream: how far, and how often.
#include "dataplane/content/unsized_file_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <latch>

#include "tests/dataplane/content/feed_reader.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kBlock = BlockPool::kBlockSize;

// A file that is read at the disk's pace.
class SlowFile : public RandomAccessFile {
 public:
  explicit SlowFile(std::string content) : content_(std::move(content)) {}
  ~SlowFile() override {
    if (gone_ != nullptr) gone_->count_down();
  }

  absl::StatusOr<FileState> State() const override { return FileState{}; }
  ssize_t ReadCached(uint64_t, std::span<std::byte>) override {
    return -EAGAIN;
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    if (++reading_ > 1) overlapped_ = true;
    const int number = ++reads_;
    reads_.notify_all();
    released_.wait(false);
    --reading_;
    if (number == failing_read) return -EIO;
    // Where a file is made while it is read, as in procfs, its end is not
    // known.
    const size_t at = std::min<size_t>(offset, content_.size());
    const size_t size = std::min(buffer.size(), content_.size() - at);
    std::memcpy(buffer.data(), content_.data() + at, size);
    return static_cast<ssize_t>(size);
  }
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

  // Reads hang until Release().
  void Hang() { released_ = false; }
  void Release() {
    released_ = true;
    released_.notify_all();
  }
  void AwaitRead() const { reads_.wait(0); }
  int reads() const { return reads_; }
  bool overlapped() const { return overlapped_; }
  // Told when the file is destroyed.
  void set_gone(std::latch* gone) { gone_ = gone; }

  int failing_read = 0;  // Of the first, 1; 0: none.

 private:
  const std::string content_;
  std::latch* gone_ = nullptr;
  std::atomic<bool> released_ = true;
  std::atomic<int> reads_ = 0;
  std::atomic<int> reading_ = 0;
  std::atomic<bool> overlapped_ = false;
};

class UnsizedFileSourceTest : public testing::Test {
 protected:
  void Open(std::string content) {
    file_ = std::make_shared<SlowFile>(std::move(content));
    source_ = std::make_shared<UnsizedFileSource>(file_);
    recipient_.emplace(source_);
  }

  std::shared_ptr<SlowFile> file_;
  std::shared_ptr<UnsizedFileSource> source_;
  std::optional<FeedReader> recipient_;
};

TEST_F(UnsizedFileSourceTest, IsReadOnceAndInOrder) {
  const std::string content = Content(5 * kBlock + 77);
  Open(content);
  EXPECT_TRUE(recipient_->Read() == content);
  EXPECT_EQ(recipient_->last(), Piece::Kind::kEnd);
  EXPECT_EQ(file_->reads(), 6);
  EXPECT_EQ(source_->length(), content.size());
}

// Each recipient that moves tells that there is room, and so does each read.
TEST_F(UnsizedFileSourceTest, OneReadAtATime) {
  Open(Content(20 * kBlock));
  EXPECT_EQ(recipient_->Read().size(), 20 * kBlock);
  EXPECT_FALSE(file_->overlapped());
}

TEST_F(UnsizedFileSourceTest, ContentThatFillsItsLastBlockEnds) {
  Open(Content(2 * kBlock));
  EXPECT_EQ(recipient_->Read().size(), 2 * kBlock);
  EXPECT_EQ(recipient_->last(), Piece::Kind::kEnd);
  EXPECT_EQ(file_->reads(), 3);
}

TEST_F(UnsizedFileSourceTest, NothingIsReadBeforeTheStart) {
  Open(Content(kBlock));
  EXPECT_TRUE(source_->Prepare().ok());
  EXPECT_EQ(file_->reads(), 0);
  EXPECT_EQ(source_->window().held, 0u);
}

TEST_F(UnsizedFileSourceTest, ReadThatFailsFailsTheSourceBehindWhatWasRead) {
  const std::string content = Content(5 * kBlock);
  Open(content);
  file_->failing_read = 3;
  EXPECT_TRUE(recipient_->Read() == content.substr(0, 2 * kBlock));
  EXPECT_EQ(recipient_->last(), Piece::Kind::kError);
  EXPECT_EQ(recipient_->error(),
            absl::ErrnoToStatus(
                EIO, absl::StrCat("reading the source at byte ", 2 * kBlock)));
  EXPECT_EQ(file_->reads(), 3);
}

TEST_F(UnsizedFileSourceTest, ReadsAheadByItsWindowAndNoFurther) {
  constexpr size_t kHeld = StreamSource::kDefaultWindow / kBlock + 1;
  Open(std::string((kHeld + 2) * kBlock, 'x'));
  recipient_->Open();
  while (source_->has_room()) std::this_thread::yield();
  EXPECT_EQ(file_->reads(), static_cast<int>(kHeld));
  EXPECT_EQ(source_->window().held, kHeld * kBlock);
  // A recipient that takes it has the rest read.
  EXPECT_EQ(recipient_->Read().size(), (kHeld + 2) * kBlock);
}

TEST_F(UnsizedFileSourceTest, NoMoreIsReadOnceItIsClosed) {
  Open(Content(5 * kBlock));
  file_->Hang();
  recipient_->Open();
  file_->AwaitRead();
  source_->Close();
  file_->Release();
  recipient_.reset();  // When what the disk's threads had to do is done.
  EXPECT_EQ(file_->reads(), 1);
}

TEST_F(UnsizedFileSourceTest, ReadKeepsWhatItNeeds) {
  std::latch gone(1);
  Open(Content(5 * kBlock));
  file_->set_gone(&gone);
  file_->Hang();
  recipient_->Open();
  file_->AwaitRead();
  SlowFile& file = *file_;
  file_.reset();
  source_.reset();
  recipient_->Forget();
  EXPECT_FALSE(gone.try_wait());
  file.Release();
  recipient_.reset();
  gone.wait();
}

}  // namespace
}  // namespace tcptool::dataplane
