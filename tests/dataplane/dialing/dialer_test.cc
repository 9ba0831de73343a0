// A sender is connected to by its name, as soon as it is up.
#include "dataplane/dialing/dialer.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/dataplane/dialing/listening.h"

namespace tcptool::dataplane {
namespace {

DialTarget To(const asio::ip::tcp::endpoint& endpoint, absl::Duration wait) {
  return {.host = endpoint.address().to_string(),
          .port = std::to_string(endpoint.port()),
          .wait = wait};
}

TEST(DialerTest, ConnectsByName) {
  Listening listening;
  DialTarget target = To(listening.endpoint(), absl::ZeroDuration());
  target.host = "localhost";
  const auto socket = Dial(target);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), listening.endpoint());
}

TEST(DialerTest, WithoutAWaitOneAttemptIsMade) {
  const auto nobody = Listening().endpoint();
  EXPECT_TRUE(
      absl::IsUnavailable(Dial(To(nobody, absl::ZeroDuration())).status()));
}

TEST(DialerTest, NameForPeople) {
  EXPECT_EQ(NameOf({.host = "sender", .port = "9876"}), "sender:9876");
  EXPECT_EQ(NameOf({.host = "::1", .port = "9876"}), "[::1]:9876");
}

TEST(DialerTest, NameWithoutAnAddressIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(
      Dial({.host = "no.such.host.invalid", .port = "1"}).status()));
}

TEST(DialerTest, GoesOnTryingUntilTheWaitIsOver) {
  const auto nobody = Listening().endpoint();
  const auto began = std::chrono::steady_clock::now();
  const auto socket = Dial(To(nobody, absl::Milliseconds(300)));
  EXPECT_TRUE(absl::IsUnavailable(socket.status()));
  EXPECT_GE(std::chrono::steady_clock::now() - began,
            std::chrono::milliseconds(200));
}

TEST(DialerTest, WaitsForASenderThatIsNotUpYet) {
  // Bound, so that nobody else gets the port, and listening later.
  const UniqueFd late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const asio::ip::tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
  ASSERT_EQ(bind(late.get(), any.data(), any.size()), 0);
  const auto endpoint = NameOf(late.get());
  asio::io_context io;
  absl::StatusOr<UniqueFd> socket = absl::UnknownError("");
  std::make_shared<Dialer>(io, To(endpoint, absl::InfiniteDuration()),
                           [&socket](absl::StatusOr<UniqueFd> connected) {
                             socket = std::move(connected);
                           })
      ->Start();
  // The name is looked up, and the first attempt refused.
  io.run_one();
  io.run_one();
  ASSERT_EQ(listen(late.get(), 1), 0);
  io.run();
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), endpoint);
}

// At each of its steps: the look-up, the attempt, the pause.
TEST(DialerTest, NothingIsSaidOfOneThatWasCancelled) {
  const auto nobody = Listening().endpoint();
  for (int steps = 0; steps < 8; ++steps) {
    asio::io_context io;
    const auto dialer = std::make_shared<Dialer>(
        io, To(nobody, absl::InfiniteDuration()),
        [](const absl::StatusOr<UniqueFd>&) { ADD_FAILURE(); });
    dialer->Start();
    for (int i = 0; i < steps; ++i) io.run_one();
    dialer->Cancel();
    io.run();
  }
}

}  // namespace
}  // namespace tcptool::dataplane
