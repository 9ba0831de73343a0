// A front, whose clients and gRPC the test is, over real sockets.
#ifndef TCPTOOL_TESTS_SERVER_FRONT_FRONTS_H_
#define TCPTOOL_TESTS_SERVER_FRONT_FRONTS_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/unique_fd.h"
#include "server/front/front.h"
#include "tests/dataplane/testing.h"

namespace tcptool::server {

// Blocks no longer than a test may take.
inline void SetDeadline(const dataplane::UniqueFd& fd) {
  const timeval limit = {.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

inline void Send(const dataplane::UniqueFd& fd, absl::string_view bytes) {
  ASSERT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

// So many bytes, or those before the end.
inline std::string Receive(const dataplane::UniqueFd& fd, size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = recv(fd.get(), bytes.data(), size, MSG_WAITALL);
  bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return bytes;
}

// 0: an orderly end; else errno.
inline int WaitForEnd(const dataplane::UniqueFd& fd) {
  std::array<char, 4096> bytes{};
  ssize_t count = 0;
  while ((count = recv(fd.get(), bytes.data(), bytes.size(), 0)) > 0) {
  }
  return count < 0 ? errno : 0;
}

struct Tcp {
  dataplane::UniqueFd client;
  dataplane::UniqueFd server;
};

// From 127.0.0.`host`. The client's kernel takes as little as it can, if
// `takes_little`.
inline Tcp NewTcp(uint8_t host = 1, bool takes_little = false) {
  const dataplane::UniqueFd listener(
      socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener.get(), any, size), 0);
  EXPECT_EQ(listen(listener.get(), 1), 0);
  getsockname(listener.get(), any, &size);
  Tcp tcp = {.client = dataplane::UniqueFd(
                 socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  if (takes_little) {
    // Before there is a connection: no window is offered that is larger.
    const int least = 1;
    setsockopt(tcp.client.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
  }
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) | host);
  EXPECT_EQ(bind(tcp.client.get(), reinterpret_cast<sockaddr*>(&from), size),
            0);
  EXPECT_EQ(connect(tcp.client.get(), any, size), 0);
  tcp.server = dataplane::UniqueFd(
      accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  SetDeadline(tcp.client);
  return tcp;
}

// What gRPC would name the peer.
inline std::string NameOf(const dataplane::UniqueFd& grpc) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  getpeername(grpc.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return absl::StrCat(
      "unix-abstract:",
      absl::string_view(address.sun_path + 1,
                        size - offsetof(sockaddr_un, sun_path) - 1));
}

inline const std::string kPreface(kHttp2PrefaceBytes, 'p');

// The headers of calls, on streams 1, 3 and so on.
inline std::string Calls(uint32_t count) {
  std::string calls;
  for (uint32_t i = 0; i < count; ++i) {
    calls +=
        std::string({0, 0, 1, Http2Frame::kHeaders, Http2Frame::kEndHeaders, 0,
                     0, static_cast<char>((2 * i + 1) >> 8),
                     static_cast<char>((2 * i + 1) & 0xff), 'h'});
  }
  return calls;
}
inline constexpr size_t kCallBytes = 10;

inline const Caller kVera = {
    .name = "token:vera", .role = Role::kViewer, .token_hash = "v"};
inline const Caller kOtto = {
    .name = "token:otto", .role = Role::kOperator, .token_hash = "o"};

class FrontTest : public testing::Test {
 protected:
  explicit FrontTest(size_t places = 1000)
      : front("127.0.0.1:9875", nullptr, places,
              [this](dataplane::UniqueFd fd) {
                absl::MutexLock lock(&mutex_);
                grpcs_.push_back(std::move(fd));
              }) {}

  // gRPC's end of the next connection.
  dataplane::UniqueFd Grpc() {
    absl::MutexLock lock(&mutex_);
    const auto there = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !grpcs_.empty();
    };
    EXPECT_TRUE(
        mutex_.AwaitWithTimeout(absl::Condition(&there), dataplane::kDeadline));
    dataplane::UniqueFd grpc = std::move(grpcs_.front());
    grpcs_.pop_front();
    // As gRPC's it does not block; the test's does.
    fcntl(grpc.get(), F_SETFL, 0);
    SetDeadline(grpc);
    return grpc;
  }

  dataplane::UniqueFd Connect(uint8_t host = 1) {
    Tcp tcp = NewTcp(host);
    front.Take(std::move(tcp.server));
    return std::move(tcp.client);
  }

  absl::Mutex mutex_;
  std::deque<dataplane::UniqueFd> grpcs_ ABSL_GUARDED_BY(mutex_);
  Front front;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_FRONT_FRONTS_H_
