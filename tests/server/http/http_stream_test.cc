#include "server/http/http_stream.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/write.hpp>
#include <memory>
#include <string>
#include <utility>

namespace tcptool::server {
namespace {

using asio::ip::tcp;

class HttpStreamTest : public testing::Test {
 protected:
  HttpStreamTest() {
    tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
    client_.connect(acceptor.local_endpoint());
    tcp::socket socket = acceptor.accept();
    fd_ = socket.native_handle();
    stream_ = std::make_shared<HttpStream>(std::move(socket), nullptr);
  }
  ~HttpStreamTest() override { stream_->Close(); }

  // Until `done` was called with what is returned.
  std::error_code Open() {
    std::error_code result = asio::error::would_block;
    stream_->Open([&](std::error_code error) { result = error; });
    while (result == asio::error::would_block) context_.run_one();
    return result;
  }
  std::error_code Read() {
    std::error_code result = asio::error::would_block;
    stream_->Read([&](std::error_code error) { result = error; });
    while (result == asio::error::would_block) context_.run_one();
    return result;
  }
  int Option(int option) const {
    int value = 0;
    socklen_t size = sizeof(value);
    EXPECT_EQ(getsockopt(fd_, IPPROTO_TCP, option, &value, &size), 0);
    return value;
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      context_.get_executor()};
  tcp::socket client_{context_};
  int fd_ = -1;  // Of stream_.
  std::shared_ptr<HttpStream> stream_;
};

TEST_F(HttpStreamTest, ReadsWhatComesAndTheEnd) {
  EXPECT_FALSE(Open());
  EXPECT_FALSE(stream_->is_secured());
  asio::write(client_, asio::buffer(std::string("hello")));
  while (stream_->input().size() < 5) ASSERT_FALSE(Read());
  EXPECT_EQ(stream_->input(), "hello");
  EXPECT_EQ(stream_->peer().address.rfind("ipv4:127.0.0.1:", 0), 0);
  client_.close();
  EXPECT_EQ(Read(), asio::error::eof);
}

TEST_F(HttpStreamTest, AReadThatIsStoppedKeepsWhatItHasRead) {
  EXPECT_FALSE(Open());
  bool was_called = false;
  stream_->Read([&](std::error_code) { was_called = true; });
  stream_->StopReading();
  asio::write(client_, asio::buffer(std::string("hello")));
  while (stream_->input().size() < 5) ASSERT_FALSE(Read());
  EXPECT_EQ(stream_->input(), "hello");
  EXPECT_FALSE(was_called);
}

TEST_F(HttpStreamTest, TellsOfALossBehindTheClientsEnd) {
  ASSERT_FALSE(Open());
  client_.shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(Read(), asio::error::eof);
  bool is_lost = false;
  stream_->WaitForLoss([&is_lost] { is_lost = true; });
  client_.set_option(asio::socket_base::linger(true, 0));
  client_.close();
  while (!is_lost) context_.run_one();
}

TEST_F(HttpStreamTest, LeavesNothingBehindWhenItIsToWaitNoMore) {
  ASSERT_FALSE(Open());
  const auto kept = std::make_shared<int>();
  stream_->WaitForLoss([kept] {});
  EXPECT_GT(kept.use_count(), 1);
  stream_->StopReading();
  while (kept.use_count() > 1) context_.run_one();
}

// The kernel finds it within 50 s, with something on its way to the client and
// without.
TEST_F(HttpStreamTest, FindsAClientThatIsGoneWithoutAWord) {
  EXPECT_LE(Option(TCP_KEEPIDLE) + Option(TCP_KEEPCNT) * Option(TCP_KEEPINTVL),
            50);
  EXPECT_EQ(Option(TCP_USER_TIMEOUT), 50'000);
}

}  // namespace
}  // namespace tcptool::server
