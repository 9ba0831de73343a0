// What is shown at once, and what only when it is durable.
#include "server/sessions/session_ledger.h"

#include <gtest/gtest.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

class SessionLedgerTest : public testing::Test {
 protected:
  SessionLedgerTest() {
    session_.set_name("sessions/s");
    session_.set_state(v1::SESSION_STATE_WAITING);
    ledger_->Open(session_, {.number = 1});
  }

  void Add(std::map<uint64_t, v1::RecipientState> recipients = {}) {
    SessionLedger::Update update = {.session = session_};
    for (const auto& [number, state] : recipients) {
      v1::Recipient& recipient = update.changed[number];
      recipient.set_name(absl::StrCat("sessions/s/recipients/", number));
      recipient.set_state(state);
    }
    ledger_->Add(std::move(update));
  }
  // What the executor has to do, as it comes, until so many were shown.
  void RunUntilShown(size_t count) {
    while (shown_.size() < count) control_.run_one();
  }

  asio::io_context control_;  // Outlives the store, whose thread posts to it.
  const std::unique_ptr<Store> store_ =
      *Store::Open(":memory:", [](const char*, absl::Duration, bool) {});
  const asio::executor_work_guard<asio::io_context::executor_type> work_{
      control_.get_executor()};
  std::vector<SessionLedger::Update> shown_;
  const std::shared_ptr<SessionLedger> ledger_ =
      std::make_shared<SessionLedger>(
          *store_, control_.get_executor(),
          [this](const SessionLedger::Update& update) {
            shown_.push_back(update);
          });
  v1::Session session_;
};

TEST_F(SessionLedgerTest, NewRecipientIsShownWhenItIsDurable) {
  Add({{1, v1::RECIPIENT_STATE_READY}});
  EXPECT_TRUE(shown_.empty());
  RunUntilShown(1);
  EXPECT_EQ(shown_[0].changed.at(1).state(), v1::RECIPIENT_STATE_READY);
}

TEST_F(SessionLedgerTest, ProgressIsShownAtOnce) {
  Add({{1, v1::RECIPIENT_STATE_READY}});
  RunUntilShown(1);
  session_.set_bytes_sent(1);
  Add({{1, v1::RECIPIENT_STATE_TRANSFERRING}});
  ASSERT_EQ(shown_.size(), 2u);
  EXPECT_EQ(shown_[1].session.bytes_sent(), 1);
  bool is_shown = false;
  ledger_->WhenShown([&is_shown] { is_shown = true; });
  EXPECT_TRUE(is_shown);
}

TEST_F(SessionLedgerTest, FinalRecipientIsShownWhenItIsDurable) {
  Add({{1, v1::RECIPIENT_STATE_DELIVERED}});
  EXPECT_TRUE(shown_.empty());
  RunUntilShown(1);
  EXPECT_EQ(shown_[0].changed.at(1).state(), v1::RECIPIENT_STATE_DELIVERED);
}

TEST_F(SessionLedgerTest, WhatComesBehindWaitsAndIsMerged) {
  session_.set_state(v1::SESSION_STATE_TRANSFERRING);
  Add();
  for (int bytes = 1; bytes <= 10; ++bytes) {
    session_.set_bytes_sent(bytes);
    Add({{1, v1::RECIPIENT_STATE_TRANSFERRING}});
  }
  size_t shown_before = 0;
  ledger_->WhenShown([&] { shown_before = shown_.size(); });
  EXPECT_TRUE(shown_.empty());
  RunUntilShown(2);
  EXPECT_EQ(shown_[0].session.state(), v1::SESSION_STATE_TRANSFERRING);
  EXPECT_EQ(shown_[0].session.bytes_sent(), 0);
  EXPECT_EQ(shown_[1].session.bytes_sent(), 10);
  EXPECT_EQ(shown_before, 2u);
}

TEST_F(SessionLedgerTest, NextAttemptThatEndsAlikeIsDurableToo) {
  const auto fail = [this](int attempt) {
    SessionLedger::Update update = {.session = session_};
    update.changed[1].set_name("sessions/s/recipients/1");
    update.changed[1].set_state(v1::RECIPIENT_STATE_FAILED);
    update.changed[1].set_attempt(attempt);
    ledger_->Add(std::move(update));
  };
  fail(1);
  RunUntilShown(1);
  fail(2);
  EXPECT_EQ(shown_.size(), 1u);
  RunUntilShown(2);
  fail(2);
  EXPECT_EQ(shown_.size(), 3u);  // The store has it already.
}

TEST_F(SessionLedgerTest, FinalStateBehindAHeldOneIsHeldToo) {
  session_.set_state(v1::SESSION_STATE_TRANSFERRING);
  Add();
  Add({{1, v1::RECIPIENT_STATE_FAILED}});
  RunUntilShown(1);
  EXPECT_TRUE(shown_[0].changed.empty());
  EXPECT_EQ(shown_.size(), 1u);
  RunUntilShown(2);
  EXPECT_EQ(shown_[1].changed.at(1).state(), v1::RECIPIENT_STATE_FAILED);
}

TEST_F(SessionLedgerTest, AnotherSpecIsShownWhenItIsDurable) {
  (*session_.mutable_spec()->mutable_labels())["fleet"] = "blue";
  Add();
  EXPECT_TRUE(shown_.empty());
  // What comes behind it has no spec, and does not take it away.
  session_.clear_spec();
  session_.set_bytes_sent(1);
  Add();
  session_.mutable_spec()->mutable_labels()->clear();
  (*session_.mutable_spec()->mutable_labels())["fleet"] = "red";
  Add();
  session_.clear_spec();
  Add();
  RunUntilShown(2);
  EXPECT_EQ(shown_[0].session.spec().labels().at("fleet"), "blue");
  EXPECT_EQ(shown_[1].session.spec().labels().at("fleet"), "red");
}

}  // namespace
}  // namespace tcptool::server
