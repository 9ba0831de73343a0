// What counts as a change of a file.
#include "dataplane/lanes/file_state.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/time/clock.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {
namespace {

// A file on a disk, and what stat(2) said of it at first.
class FileStateTest : public testing::Test {
 protected:
  FileStateTest() : name_(testing::TempDir() + "/stateXXXXXX") {
    fd_ = mkostemp(name_.data(), O_CLOEXEC);
    Write("content");
    file_ = RandomAccessFile::FromDescriptor(fd_);
    // So that what follows has a time stamp of its own.
    absl::SleepFor(TimeUntilDistinct(*file_->State(), absl::Now()));
    before_ = *file_->State();
  }
  ~FileStateTest() override { unlink(name_.c_str()); }

  void Write(const std::string& text) {
    ASSERT_EQ(pwrite(fd_, text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
  }
  std::string Change() { return Difference(before_, *file_->State()); }

  std::string name_;
  int fd_ = -1;  // The file's.
  std::shared_ptr<RandomAccessFile> file_;
  FileState before_;
};

TEST_F(FileStateTest, NothingHasChanged) {
  char byte;
  ASSERT_EQ(pread(fd_, &byte, 1, 0), 1);
  EXPECT_EQ(Change(), "");
}

TEST_F(FileStateTest, WriteInPlaceIsAChange) {
  Write("CONTENT");
  EXPECT_NE(Change().find("it was written to at "), std::string::npos);
}

TEST_F(FileStateTest, WriteWhoseTimeIsSetBackIsAChange) {
  Write("CONTENT");
  struct stat status;
  ASSERT_EQ(fstat(fd_, &status), 0);
  const timespec times[] = {status.st_atim, absl::ToTimespec(before_.modified)};
  ASSERT_EQ(futimens(fd_, times), 0);
  ASSERT_EQ(file_->State()->modified, before_.modified);
  EXPECT_NE(Change().find("its inode was changed at "), std::string::npos);
}

TEST_F(FileStateTest, NewNameDoesNotHideAChange) {
  Write("CONTENT");
  const timespec times[] = {{.tv_nsec = UTIME_OMIT},
                            absl::ToTimespec(before_.modified)};
  ASSERT_EQ(futimens(fd_, times), 0);
  const std::string other = name_ + ".link";
  ASSERT_EQ(link(name_.c_str(), other.c_str()), 0);
  EXPECT_NE(Change().find("its inode was changed at "), std::string::npos);
  unlink(other.c_str());
}

TEST_F(FileStateTest, OtherSizeIsAChange) {
  ASSERT_EQ(ftruncate(fd_, 3), 0);
  EXPECT_EQ(Change(), "it had 7 bytes and has 3");
}

TEST_F(FileStateTest, RemovalIsNone) {
  ASSERT_EQ(unlink(name_.c_str()), 0);
  EXPECT_EQ(Change(), "");
}

TEST_F(FileStateTest, AnotherFileInItsPlaceIsNone) {
  const std::string other = name_ + ".new";
  close(open(other.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(rename(other.c_str(), name_.c_str()), 0);
  EXPECT_EQ(Change(), "");
}

TEST(TimeUntilDistinctTest, OfAFileJustWrittenIsAFewTicks) {
  const absl::Time now = absl::FromUnixMillis(1'700'000'000'123);
  EXPECT_GT(TimeUntilDistinct({.changed = now}, now), absl::ZeroDuration());
  EXPECT_LE(TimeUntilDistinct({.changed = now}, now), absl::Milliseconds(50));
}

TEST(TimeUntilDistinctTest, OfAnOldFileIsNothing) {
  const absl::Time now = absl::FromUnixMillis(1'700'000'000'123);
  EXPECT_EQ(TimeUntilDistinct({.changed = now - absl::Seconds(1)}, now),
            absl::ZeroDuration());
}

TEST(TimeUntilDistinctTest, OfAFileSystemOfWholeSecondsIsLonger) {
  const absl::Time now = absl::FromUnixMillis(1'700'000'000'123);
  EXPECT_EQ(
      TimeUntilDistinct({.changed = absl::FromUnixSeconds(1'700'000'000)}, now),
      absl::Milliseconds(1877));
}

TEST(TimeUntilDistinctTest, OfAFileFromTheFutureIsNothing) {
  const absl::Time now = absl::FromUnixMillis(1'700'000'000'123);
  EXPECT_EQ(TimeUntilDistinct({.changed = now + absl::Hours(1)}, now),
            absl::ZeroDuration());
}

}  // namespace
}  // namespace tcptool::dataplane
