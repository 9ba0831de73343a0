#include "text/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace tcptool {
namespace {

std::string Dropped(uint64_t count) {
  return "dropped " + std::to_string(count) + "\n";
}

class LineWriterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe2(ends_, O_CLOEXEC), 0); }
  void TearDown() override {
    close(ends_[0]);
    CloseInput();
  }

  void CloseInput() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

  // Until the pipe's other end is closed.
  std::string ReadToEnd() const {
    std::string text;
    char buffer[4096];
    ssize_t count = 0;
    while ((count = read(ends_[0], buffer, sizeof buffer)) > 0) {
      text.append(buffer, count);
    }
    return text;
  }

  int ends_[2] = {-1, -1};
};

TEST_F(LineWriterTest, WritesAllLinesInOrder) {
  std::string expected;
  std::string read;
  std::thread reader([&] { read = ReadToEnd(); });
  {
    LineWriter writer(ends_[1], Dropped, 64 << 20);
    for (int i = 0; i < 10'000; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      expected += line;
      writer.Write(line);
    }
    // Longer than one write(2) may be.
    expected += std::string(100'000, 'x') + "\n";
    writer.Write(std::string(100'000, 'x') + "\n");
    // A reader that takes something is waited for, however long it takes.
    writer.Flush(std::chrono::minutes(1));
  }
  CloseInput();
  reader.join();
  EXPECT_EQ(read, expected);
}

TEST_F(LineWriterTest, NeverWaitsForAReaderAndCountsWhatItDrops) {
  constexpr int kLines = 10'000;
  const std::string line = std::string(99, 'x') + "\n";
  std::string read;
  {
    LineWriter writer(ends_[1], Dropped, 1 << 16);
    // More than the pipe and the queue hold: this would hang if it waited.
    for (int i = 0; i < kLines; ++i) writer.Write(line);
    std::thread reader([&] { read = ReadToEnd(); });
    writer.Flush(std::chrono::minutes(1));
    CloseInput();
    reader.join();
  }
  // What came, without a gap, and then how many did not.
  const size_t end = read.find("dropped ");
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(end % line.size(), 0);
  EXPECT_EQ(read.substr(end), Dropped(kLines - end / line.size()));
}

TEST_F(LineWriterTest, EndsWithoutAReader) {
  {
    LineWriter writer(ends_[1], Dropped, 64 << 20);
    for (int i = 0; i < 10'000; ++i) writer.Write(std::string(99, 'x') + "\n");
    writer.Flush(std::chrono::milliseconds(1));
  }
  SUCCEED() << "It has ended, with lines that nobody has read.";
}

TEST_F(LineWriterTest, EndsWhereNobodyCanRead) {
  signal(SIGPIPE, SIG_IGN);
  close(ends_[0]);
  ends_[0] = -1;
  LineWriter writer(ends_[1], Dropped);
  writer.Write("line\n");
  writer.Flush(std::chrono::minutes(1));
}

}  // namespace
}  // namespace tcptool
