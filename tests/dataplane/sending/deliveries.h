// A delivery over a real connection, by a clock of the test's.
#ifndef TCPTOOL_TESTS_DATAPLANE_SENDING_DELIVERIES_H_
#define TCPTOOL_TESTS_DATAPLANE_SENDING_DELIVERIES_H_

#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/sending/delivery.h"
#include "tests/dataplane/sending/connection.h"
#include "tests/dataplane/sending/send_window.h"

namespace tcptool::dataplane {

inline constexpr size_t kSmall = 5'000;
inline const Clock::time_point kStart = Clock::now();

// The peer's kernel sends data again that we have.
class SegmentsAgain : public SocketApi {
 public:
  int Info(int socket, TcpInfo* info) override {
    const int result = SocketApi::Info(socket, info);
    info->data_segments_in += more_;
    return result;
  }
  void Add() { ++more_; }

 private:
  uint32_t more_ = 0;
};

class DeliveryTest : public testing::Test {
 protected:
  // `receive_buffer`: the peer's; `sender_receive_buffer`: ours.
  void Open(int receive_buffer = 0, int sender_receive_buffer = 0) {
    connection_ = Connect(receive_buffer, sender_receive_buffer);
    peer().Say(0);
    EXPECT_TRUE(Eventually([&] { return Unread(sender()) == 1; }));
    delivery_.emplace(sockets_, sender(), limits_, ready_);
  }
  // Content that fits into the peer's receive buffer, and is acknowledged.
  void SendSmall() {
    const std::string content = Content(kSmall);
    ASSERT_EQ(send(sender(), content.data(), content.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(kSmall));
    AwaitAcknowledged();
  }
  // Content that does not; answers how much.
  size_t SendMoreThanThePeerHolds() {
    const std::string content = Content(100'000);
    size_t sent = 0;
    while (sent < 1'000'000) {
      const ssize_t got = send(sender(), content.data(), content.size(),
                               MSG_NOSIGNAL | MSG_DONTWAIT);
      if (got <= 0) break;
      sent += got;
    }
    return sent;
  }
  // As much as the peer's window has room for, which is closed then.
  void SendUntilTheWindowIsClosed() {
    const std::string content = Content(100'000);
    while (const size_t window = SendWindow(sender())) {
      const size_t size = std::min(window, content.size());
      ASSERT_EQ(send(sender(), content.data(), size, MSG_NOSIGNAL),
                static_cast<ssize_t>(size));
      AwaitAcknowledged();
    }
  }
  void AwaitAcknowledged() {
    ASSERT_TRUE(Eventually(
        [&] { return SocketApi::Real().Unacknowledged(sender()) == 0; }));
  }
  void AwaitState(int state) {
    ASSERT_TRUE(Eventually([&] { return TcpState(sender()) == state; }));
  }
  // Input that we have when this returns.
  void Say(std::string_view input) {
    const int before = Unread(sender());
    const int size = static_cast<int>(input.size());
    ASSERT_EQ(send(peer().fd(), input.data(), input.size(), 0), size);
    ASSERT_TRUE(Eventually([&] { return Unread(sender()) == before + size; }));
  }
  static int Unread(int socket) {
    int bytes = 0;
    ioctl(socket, FIONREAD, &bytes);
    return bytes;
  }

  int sender() { return connection_.sender.get(); }
  Peer& peer() { return *connection_.peer; }
  Delivery& delivery() { return *delivery_; }

  Limits limits_;
  SegmentsAgain sockets_;
  Clock::time_point ready_ = kStart - Delivery::kGrace;

 private:
  Connection connection_;
  std::optional<Delivery> delivery_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_SENDING_DELIVERIES_H_
