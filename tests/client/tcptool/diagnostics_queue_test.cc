// Standard error that nobody reads, or nobody can read any more.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "client/tcptool/diagnostics.h"

namespace tcptool::client {
namespace {

// Puts a pipe in the place of standard error.
class DiagnosticsQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    own_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    reading_ = ends[0];
    ASSERT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
  }
  void TearDown() override {
    RestoreStandardError();
    if (reading_ >= 0) close(reading_);
  }

  void RestoreStandardError() {
    if (own_ < 0) return;
    dup2(own_, STDERR_FILENO);
    close(own_);
    own_ = -1;
  }

  void CloseReader() {
    close(reading_);
    reading_ = -1;
  }

  std::string ReadToEnd() const {
    std::string text;
    char buffer[4096];
    ssize_t count = 0;
    while ((count = read(reading_, buffer, sizeof buffer)) > 0) {
      text.append(buffer, count);
    }
    return text;
  }

 private:
  int own_ = -1;
  int reading_ = -1;
};

TEST_F(DiagnosticsQueueTest, NothingWaitsForAReaderAndWhatIsDroppedIsCounted) {
  constexpr size_t kLines = 20'000;
  const std::string text(90, 'x');
  const std::string line = "tcptool: " + text + "\n";
  std::string read;
  std::thread reader;
  {
    Diagnostics diagnostics;
    // More than the pipe (64 KiB) and the queue hold: this would hang if it
    // waited.
    for (size_t i = 0; i < kLines; ++i) diagnostics.Say(Level::kError, text);
    reader = std::thread([&] { read = ReadToEnd(); });
    diagnostics.Flush(std::chrono::minutes(1));
  }
  RestoreStandardError();
  reader.join();
  // What came, without a gap, and then how many did not.
  const size_t end = read.size() - read.size() % line.size();
  std::string expected;
  for (size_t i = 0; i < end / line.size(); ++i) expected += line;
  EXPECT_EQ(read, expected +
                      "tcptool: " + std::to_string(kLines - end / line.size()) +
                      " lines were dropped, as nobody read standard error.\n");
}

TEST_F(DiagnosticsQueueTest, ReaderThatHasGoneEndsNothing) {
  CloseReader();
  Diagnostics diagnostics;
  diagnostics.Say(Level::kError, "text");
  diagnostics.Flush(std::chrono::minutes(1));
  SUCCEED() << "SIGPIPE has not ended the process.";
}

}  // namespace
}  // namespace tcptool::client
