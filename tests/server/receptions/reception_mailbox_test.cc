// The way of a reception's updates to the control thread.
#include "server/receptions/reception_mailbox.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <memory>
#include <vector>

namespace tcptool::server {
namespace {

TEST(ReceptionMailboxTest, OnlyTheNewestIsDelivered) {
  asio::io_context control;
  std::vector<uint64_t> received;
  const auto mailbox = std::make_shared<ReceptionMailbox>(
      control.get_executor(),
      [&received](const dataplane::ReceptionStatus& status) {
        received.push_back(status.bytes_received);
      },
      [](const auto&, const auto&, const auto& go_on) { go_on(); });
  for (uint64_t bytes = 1; bytes <= 1'000; ++bytes) {
    mailbox->OnUpdate({.bytes_received = bytes});
  }
  EXPECT_EQ(control.run(), 1u);
  EXPECT_EQ(received, std::vector<uint64_t>{1'000});
  mailbox->OnUpdate({.bytes_received = 1'001});
  control.restart();
  EXPECT_EQ(control.run(), 1u);
  EXPECT_EQ(received, (std::vector<uint64_t>{1'000, 1'001}));
}

}  // namespace
}  // namespace tcptool::server
