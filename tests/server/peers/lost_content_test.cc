// What a disk loses of a content that is being received, for those who follow.
#include <gtest/gtest.h>

#include <asio/ip/address_v4.hpp>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "server/peers/peer_content.h"
#include "tests/dataplane/receiving/resumable_receptions.h"
#include "tests/dataplane/sending/connection.h"

namespace tcptool::server {
namespace {

using dataplane::kDeadline;
using dataplane::kManifestBlock;
using dataplane::ReceptionState;
using dataplane::ReceptionStatus;
using Files = dataplane::FaultyFiles;

using LostContentTest = dataplane::ResumableReceptionTest;

// Though they know the end of it: that is told before it is on the disk.
TEST_F(LostContentTest, MayBeHadLaterUntilTheReceptionIsOver) {
  // The first block has left the memory when so much has come.
  constexpr size_t kWhole =
      (dataplane::RecentBlocks::kBlocks + 2) * kManifestBlock;
  const std::string bytes = dataplane::Content(kWhole + 99);
  std::atomic<bool> holds{false};
  absl::Notification held;
  absl::Notification released;
  Files files([&](Files::Call call) {
    if (call == Files::Call::kSyncData && holds.exchange(false)) {
      held.Notify();
      released.WaitForNotification();
    }
    return 0;
  });
  Begin({}, {.files = &files});
  std::shared_ptr<PeerContent> content;
  const auto end = absl::MakeCleanup([&] {
    if (!released.HasBeenNotified()) released.Notify();
    content = nullptr;
    one_ = nullptr;  // It uses the files.
  });
  const auto found =
      ContentOf(one_->engine(), one_->reception().shared_from_this());
  ASSERT_TRUE(found.ok()) << found.status();
  content = *found;
  Accept();
  Announce(bytes);
  ASSERT_TRUE(sender_.Send(bytes.substr(0, kWhole)));
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.bytes_durable == kWhole;
  }));
  holds = true;  // What is synced next is the whole.
  ASSERT_TRUE(sender_.Send(bytes.substr(kWhole)));
  ASSERT_TRUE(held.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_TRUE(content->end().has_value());
  folder_.Spoil(".tcptool-part.r1", 100);
  dataplane::Connection child = dataplane::Connect();
  content->Take({.socket = std::move(child.sender),
                 .peer = {asio::ip::address_v4::loopback(), 1},
                 .node = "a child"},
                [](const auto& taken) { EXPECT_TRUE(taken.ok()); });
  child.peer->Say(0);
  ASSERT_TRUE(dataplane::Eventually([&] { return !content->error().ok(); }));
  EXPECT_TRUE(absl::IsUnavailable(content->error())) << content->error();
  released.Notify();
  EXPECT_EQ(Accept().offset, 0u);
  Announce(bytes);
  ASSERT_TRUE(sender_.Send(bytes));
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  // What is lost from now on is lost.
  EXPECT_TRUE(absl::IsDataLoss(content->error())) << content->error();
}

}  // namespace
}  // namespace tcptool::server
