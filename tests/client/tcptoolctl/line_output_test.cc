// An output that somebody ends.
#include "client/tcptoolctl/line_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"

namespace tcptool {
namespace {

class LineOutputTest : public testing::Test {
 protected:
  LineOutputTest() { EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0); }
  ~LineOutputTest() override {
    CloseReader();
    close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  void CloseReader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }
  std::string Read(size_t size) const {
    std::string text(size, '\0');
    text.resize(static_cast<size_t>(read(ends_[0], text.data(), size)));
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
};

// Waits for the output's end.
void AwaitEnd(const LineOutput& output) {
  absl::Notification ended;
  const std::stop_callback told(output.stopped(), [&] { ended.Notify(); });
  ended.WaitForNotification();
}

TEST_F(LineOutputTest, LinesAreWrittenAtOnce) {
  LineOutput output(writer());
  EXPECT_TRUE(output.Write("one\n").ok());
  EXPECT_EQ(Read(100), "one\n");
  EXPECT_FALSE(output.stopped().stop_requested());
}

TEST_F(LineOutputTest, ReaderThatGoesEndsItWithoutAWrite) {
  LineOutput output(writer());
  CloseReader();
  AwaitEnd(output);
  EXPECT_TRUE(output.Write("one\n").ok());
}

TEST_F(LineOutputTest, SignalEndsIt) {
  LineOutput output(writer());
  raise(SIGINT);
  AwaitEnd(output);
}

TEST_F(LineOutputTest, SignalEndsAWriteThatWaitsForItsReader) {
  LineOutput output(writer());
  absl::Status status = absl::UnknownError("it has not ended");
  std::jthread writing(
      [&] { status = output.Write(std::string(10 << 20, 'x')); });
  EXPECT_EQ(Read(1), "x");  // It has begun.
  raise(SIGTERM);
  writing.join();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(LineOutputTest, SignalsDoAfterwardsWhatTheyDidBefore) {
  struct sigaction before {};
  sigaction(SIGINT, nullptr, &before);
  { LineOutput output(writer()); }
  struct sigaction after {};
  sigaction(SIGINT, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST_F(LineOutputTest, SignalThatIsIgnoredStaysSo) {
  signal(SIGINT, SIG_IGN);
  {
    LineOutput output(writer());
    raise(SIGINT);
    EXPECT_TRUE(output.Write("one\n").ok());
    EXPECT_EQ(Read(100), "one\n");
  }
  signal(SIGINT, SIG_DFL);
}

TEST(FullDiskTest, WriteSaysWhatIsWrong) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  LineOutput output(full);
  EXPECT_EQ(output.Write("one\n").message(),
            "cannot write standard output: No space left on device");
  close(full);
}

}  // namespace
}  // namespace tcptool
