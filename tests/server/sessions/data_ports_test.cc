// Which port a session gets.
#include "server/sessions/data_ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/ip/tcp.hpp>

#include "absl/random/random.h"
#include "tests/dataplane/testing.h"

namespace tcptool::server {
namespace {

using asio::ip::tcp;
using dataplane::FileOf;
using dataplane::Recorder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint16_t kFirst = 9000;
constexpr uint16_t kLast = 9002;

// One that no other test has at the time: all of 127.0.0.0/8 is loopback.
asio::ip::address RandomLoopback() {
  absl::BitGen random;
  return asio::ip::address_v4(
      absl::Uniform<uint32_t>(random, 0x7f010000, 0x7ffffffe));
}

class DataPortsTest : public testing::Test {
 protected:
  struct Held {
    std::shared_ptr<dataplane::Session> session;
    std::shared_ptr<Recorder> recorder;
  };

  absl::Status Listen(uint16_t port, const asio::ip::address& bind_address) {
    dataplane::SessionOptions options;
    options.bind_address = bind_address;
    options.port = port;
    const auto recorder = std::make_shared<Recorder>();
    auto session = ports.Listen(options, FileOf("x"), recorder);
    if (!session.ok()) return session.status();
    held.push_back({.session = *std::move(session), .recorder = recorder});
    return absl::OkStatus();
  }
  // The port that a session gets.
  absl::StatusOr<uint16_t> Listen() {
    absl::Status status = Listen(0, address);
    if (!status.ok()) return status;
    return held.back().session->data_endpoint().port();
  }
  // Ends the session that was made as the `index`th.
  void End(size_t index) {
    held[index].session->Cancel(std::nullopt, [](const absl::Status&) {});
    ASSERT_EQ(held[index].recorder->WaitForEnd(),
              dataplane::SessionState::kCancelled);
    ports.Release(held[index].session->data_endpoint().port());
  }

  const asio::ip::address address = RandomLoopback();
  dataplane::Engine engine{dataplane::EngineOptions{.lanes = 1}};
  DataPorts ports{engine, kFirst, kLast};
  std::vector<Held> held;
};

TEST_F(DataPortsTest, OneThatIsFreeIsTaken) {
  EXPECT_EQ(*Listen(), 9000);
  EXPECT_EQ(*Listen(), 9001);
  EXPECT_EQ(*Listen(), 9002);
  const absl::Status none = Listen().status();
  EXPECT_TRUE(absl::IsResourceExhausted(none)) << none;
  EXPECT_THAT(std::string(none.message()), HasSubstr("9000-9002"));
  EXPECT_THAT(ports.in_use(), ElementsAre(9000, 9001, 9002));
  End(1);
  EXPECT_THAT(ports.in_use(), ElementsAre(9000, 9002));
  EXPECT_EQ(*Listen(), 9001);
}

// Whoever comes too late for a session does not get the next one's content.
TEST_F(DataPortsTest, OneThatWasUsedIsTakenAfterAllOthersThatAreFree) {
  EXPECT_EQ(*Listen(), 9000);
  End(0);
  EXPECT_EQ(*Listen(), 9001);
  End(1);
  EXPECT_EQ(*Listen(), 9002);
  EXPECT_EQ(*Listen(), 9000);
  End(2);
  EXPECT_EQ(*Listen(), 9001);
  EXPECT_EQ(*Listen(), 9002);
}

TEST_F(DataPortsTest, OneThatWasAskedForCountsAsUsed) {
  ASSERT_TRUE(Listen(9000, address).ok());
  End(0);
  EXPECT_EQ(*Listen(), 9001);
}

TEST_F(DataPortsTest, UsesBeforeARestartCount) {
  ports.RememberUse(9001);
  ports.RememberUse(9000);
  ports.RememberUse(9003);  // None of ours.
  EXPECT_EQ(*Listen(), 9002);
  EXPECT_EQ(*Listen(), 9001);
  EXPECT_EQ(*Listen(), 9000);
}

TEST_F(DataPortsTest, UseOfOneThatIsTakenAgainCountsWhenItIsGivenBack) {
  ASSERT_TRUE(Listen(9001, address).ok());
  ports.RememberUse(9001);
  EXPECT_THAT(ports.in_use(), ElementsAre(9001));
  End(0);
  EXPECT_EQ(*Listen(), 9000);
  EXPECT_EQ(*Listen(), 9002);
  EXPECT_EQ(*Listen(), 9001);
}

TEST_F(DataPortsTest, OneOfAnotherProgramIsPassedOver) {
  asio::io_context io;
  std::optional<tcp::acceptor> other(std::in_place, io,
                                     tcp::endpoint(address, 9000));
  EXPECT_EQ(*Listen(), 9001);
  EXPECT_THAT(ports.in_use(), ElementsAre(9001));
  other.reset();
  EXPECT_EQ(*Listen(), 9000);
}

TEST_F(DataPortsTest, OneThatIsAskedForIsNotGivenToOthers) {
  ASSERT_TRUE(Listen(9001, address).ok());
  EXPECT_EQ(*Listen(), 9000);
  EXPECT_EQ(*Listen(), 9002);
  const absl::Status again = Listen(9001, address);
  EXPECT_TRUE(absl::IsFailedPrecondition(again)) << again;
  EXPECT_THAT(std::string(again.message()),
              HasSubstr("session.spec.listener.port: "));
}

TEST_F(DataPortsTest, OneOutsideTheRangeIsNotGivenToOthersAfterwards) {
  ASSERT_TRUE(Listen(9003, address).ok());
  EXPECT_THAT(ports.in_use(), ElementsAre(9003));
  End(0);
  for (const uint16_t port : {9000, 9001, 9002}) EXPECT_EQ(*Listen(), port);
  EXPECT_FALSE(Listen().ok());
}

TEST_F(DataPortsTest, OneOnTwoAddressesIsInUseUntilBothHaveEnded) {
  ASSERT_TRUE(Listen(9000, address).ok());
  ASSERT_TRUE(Listen(9000, RandomLoopback()).ok());
  EXPECT_THAT(ports.in_use(), ElementsAre(9000));
  End(0);
  EXPECT_THAT(ports.in_use(), ElementsAre(9000));
  EXPECT_EQ(*Listen(), 9001);
  End(1);
  EXPECT_THAT(ports.in_use(), ElementsAre(9001));
  EXPECT_EQ(*Listen(), 9002);
  EXPECT_EQ(*Listen(), 9000);
}

TEST_F(DataPortsTest, ACheckTakesNone) {
  const auto check = [&](uint16_t port, const asio::ip::address& at) {
    dataplane::SessionOptions options;
    options.bind_address = at;
    options.port = port;
    return ports.Check(options);
  };
  EXPECT_TRUE(check(kFirst, address).ok());
  EXPECT_TRUE(check(0, address).ok());
  EXPECT_THAT(ports.in_use(), IsEmpty());
  ASSERT_TRUE(Listen(kFirst, address).ok());
  const absl::Status in_use = check(kFirst, address);
  EXPECT_TRUE(absl::IsFailedPrecondition(in_use));
  EXPECT_THAT(std::string(in_use.message()),
              HasSubstr("session.spec.listener.port: "));
  EXPECT_TRUE(check(kFirst, RandomLoopback()).ok());
  ASSERT_TRUE(Listen(kFirst + 1, address).ok());
  ASSERT_TRUE(Listen(kFirst + 2, address).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(check(0, address)));
  const absl::Status foreign =
      check(kFirst, asio::ip::make_address("192.0.2.1"));
  EXPECT_TRUE(absl::IsInvalidArgument(foreign));
  EXPECT_THAT(std::string(foreign.message()),
              HasSubstr("session.spec.listener.bind_address: "));
}

TEST_F(DataPortsTest, AddressOfAnotherHostIsNamed) {
  const absl::Status status = Listen(0, asio::ip::make_address("192.0.2.1"));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("session.spec.listener.bind_address: "));
  EXPECT_THAT(ports.in_use(), IsEmpty());
}

}  // namespace
}  // namespace tcptool::server
