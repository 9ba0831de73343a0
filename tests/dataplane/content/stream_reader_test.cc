// The reader of a pipe by itself, with real pipes.
#include "dataplane/content/stream_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "tests/dataplane/content/feed_reader.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kWindow = size_t{1} << 20;

class StreamReaderTest : public testing::Test {
 protected:
  StreamReaderTest() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    input_ = UniqueFd(ends[0]);
    producer_ = UniqueFd(ends[1]);
  }
  void Start() {
    reader_ = std::make_unique<StreamReader>(input_.get(), source_);
  }
  // Writes what the pipe takes, until `holds`; answers how much that was.
  template <typename Condition>
  size_t WriteUntil(Condition holds) {
    fcntl(producer_.get(), F_SETFL, O_NONBLOCK);
    static const std::string piece(4096, 'x');
    size_t written = 0;
    while (!holds()) {
      const ssize_t put = write(producer_.get(), piece.data(), piece.size());
      if (put > 0) written += put;
      std::this_thread::yield();
    }
    return written;
  }

  UniqueFd input_;
  UniqueFd producer_;
  const std::shared_ptr<StreamSource> source_ =
      std::make_shared<StreamSource>(kWindow);
  FeedReader recipient_{source_};
  std::unique_ptr<StreamReader> reader_;
};

TEST_F(StreamReaderTest, ReadsToTheEndAndInOrder) {
  const std::string content = Content(5'000'001);
  Start();
  std::thread producer([&] {
    size_t written = 0;
    while (written < content.size()) {
      written += write(producer_.get(), content.data() + written,
                       content.size() - written);
    }
    producer_ = UniqueFd();
  });
  EXPECT_TRUE(recipient_.Read() == content);
  EXPECT_EQ(recipient_.last(), Piece::Kind::kEnd);
  EXPECT_EQ(source_->length(), content.size());
  producer.join();
}

TEST_F(StreamReaderTest, WhatAProducerThatPausesHasWrittenIsNotHeldBack) {
  Start();
  ASSERT_EQ(write(producer_.get(), "hello", 5), 5);
  EXPECT_EQ(recipient_.Read(5), "hello");
  ASSERT_EQ(write(producer_.get(), ", you", 5), 5);
  EXPECT_EQ(recipient_.Read(10), "hello, you");
  EXPECT_EQ(source_->length(), std::nullopt);
}

TEST_F(StreamReaderTest, EmptyInputIsEmptyContent) {
  producer_ = UniqueFd();
  Start();
  EXPECT_EQ(recipient_.Read(), "");
  EXPECT_EQ(recipient_.last(), Piece::Kind::kEnd);
}

TEST_F(StreamReaderTest, InputThatCannotBeReadFailsTheSource) {
  input_ = UniqueFd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Start();
  EXPECT_EQ(recipient_.Read(), "");
  EXPECT_EQ(recipient_.last(), Piece::Kind::kError);
  EXPECT_EQ(recipient_.error(),
            absl::ErrnoToStatus(EISDIR, "reading the input"));
}

TEST_F(StreamReaderTest, FullWindowHoldsTheProducerUp) {
  Start();
  size_t written = WriteUntil([&] { return !source_->has_room(); });
  // The pipe fills up behind that, which nobody reads any more.
  written += WriteUntil([&] {
    pollfd polled = {producer_.get(), POLLOUT, 0};
    return poll(&polled, 1, 0) == 0;
  });
  const auto pipe_size = static_cast<size_t>(fcntl(input_.get(), F_GETPIPE_SZ));
  EXPECT_LE(written, kWindow + BlockPool::kBlockSize + pipe_size);
  // Room for the reader is room for the producer.
  EXPECT_GE(recipient_.Read(kWindow).size(), kWindow);
  pollfd polled = {producer_.get(), POLLOUT, 0};
  EXPECT_EQ(poll(&polled, 1, absl::ToInt64Milliseconds(kDeadline)), 1);
}

TEST_F(StreamReaderTest, ItsEndInterruptsAReadAndClosesTheSource) {
  Start();
  ASSERT_EQ(write(producer_.get(), "hello", 5), 5);
  EXPECT_EQ(recipient_.Read(5), "hello");
  reader_.reset();
  EXPECT_TRUE(source_->closed());
  EXPECT_EQ(source_->length(), std::nullopt);
  // The descriptor is its owner's.
  EXPECT_NE(fcntl(input_.get(), F_GETFD), -1);
}

TEST_F(StreamReaderTest, ItsEndInterruptsTheWaitForRoom) {
  Start();
  WriteUntil([&] { return !source_->has_room(); });
  reader_.reset();
  EXPECT_TRUE(source_->closed());
}

TEST_F(StreamReaderTest, NobodyReadsForASourceThatIsClosed) {
  source_->Close();
  ASSERT_EQ(write(producer_.get(), "hello", 5), 5);
  Start();
  reader_.reset();
  char left[6] = {};
  EXPECT_EQ(read(input_.get(), left, 5), 5);
}

}  // namespace
}  // namespace tcptool::dataplane
