// What a listener says of a port that it cannot have.
#include "dataplane/session/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <barrier>
#include <cstdint>
#include <thread>

namespace tcptool::dataplane {
namespace {

absl::StatusOr<Listener> Listen(asio::io_context& io, uint16_t port) {
  return Listener::Listen(io, SocketApi::Real(),
                          {asio::ip::address_v4::loopback(), port});
}

// bind(2) gives a port to both, as long as neither of them listens.
TEST(ListenerTest, TwoWhoWantAPortAtTheSameMomentAreToldThatItIsInUse) {
  asio::io_context io;
  const uint16_t port = Listen(io, 0)->endpoint().port();
  std::barrier both(2);
  const auto want = [&] {
    for (int i = 0; i < 2000; ++i) {
      both.arrive_and_wait();
      const auto listener = Listen(io, port);
      EXPECT_TRUE(listener.ok() || absl::IsAlreadyExists(listener.status()))
          << listener.status();
      both.arrive_and_wait();  // Whoever has it keeps it until here.
    }
  };
  std::thread other(want);
  want();
  other.join();
}

TEST(ListenerTest, ACheckSaysThatNoDescriptorIsLeft) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // All below this are in use.
  const rlimit none = {.rlim_cur = 2, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const absl::Status status =
      Listener::Check({asio::ip::address_v4::loopback(), 0});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace tcptool::dataplane
