// What becomes of updates while the receiver is busy.
#include "server/sessions/update_mailbox.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>

namespace tcptool::server {
namespace {

class UpdateMailboxTest : public testing::Test {
 protected:
  void Tell(const std::vector<dataplane::RecipientStatus>& changed,
            const std::vector<uint64_t>& forgotten = {}) {
    mailbox_->OnUpdate(
        {.session = session_, .changed = changed, .forgotten = forgotten});
  }
  static dataplane::RecipientStatus Recipient(uint64_t id, uint64_t bytes = 0) {
    dataplane::RecipientStatus status;
    status.id = id;
    status.bytes_sent = bytes;
    return status;
  }

  dataplane::SessionStatus session_;
  asio::io_context control_;
  std::vector<UpdateMailbox::Mail> received_;
  const std::shared_ptr<UpdateMailbox> mailbox_ =
      std::make_shared<UpdateMailbox>(control_.get_executor(),
                                      [this](const UpdateMailbox::Mail& mail) {
                                        received_.push_back(mail);
                                      });
};

TEST_F(UpdateMailboxTest, BusyReceiverGetsTheNewestOfEachInOneTask) {
  for (uint64_t bytes = 1; bytes <= 100; ++bytes) {
    session_.bytes_sent = bytes;
    Tell({Recipient(1, bytes), Recipient(2, 2 * bytes)});
  }
  EXPECT_EQ(control_.poll(), 1u);
  ASSERT_EQ(received_.size(), 1u);
  EXPECT_EQ(received_[0].session.bytes_sent, 100u);
  ASSERT_EQ(received_[0].changed.size(), 2u);
  EXPECT_EQ(received_[0].changed.at(1).bytes_sent, 100u);
  EXPECT_EQ(received_[0].changed.at(2).bytes_sent, 200u);
}

TEST_F(UpdateMailboxTest, WhatComesLaterIsDeliveredLater) {
  Tell({Recipient(1)});
  control_.poll();
  control_.restart();
  Tell({Recipient(2)});
  control_.poll();
  ASSERT_EQ(received_.size(), 2u);
  EXPECT_FALSE(received_[1].changed.contains(1));
  EXPECT_TRUE(received_[1].changed.contains(2));
}

TEST_F(UpdateMailboxTest, RecipientsThatCameAndWentMeanwhileTakeNoRoom) {
  Tell({Recipient(1)});
  control_.poll();
  control_.restart();
  for (uint64_t id = 2; id <= 1000; ++id) {
    Tell({Recipient(id)});
    Tell({}, {id - 1});
  }
  control_.poll();
  ASSERT_EQ(received_.size(), 2u);
  // Only the first was ever delivered, and is to be forgotten.
  EXPECT_EQ(received_[1].forgotten, std::vector<uint64_t>{1});
  ASSERT_EQ(received_[1].changed.size(), 1u);
  EXPECT_TRUE(received_[1].changed.contains(1000));
}

}  // namespace
}  // namespace tcptool::server
