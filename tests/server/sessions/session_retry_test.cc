// What a retry of a session is to do.
#include "server/sessions/session_retry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

using States = std::vector<v1::RecipientState>;

constexpr char kName[] = "sessions/first";

class SessionRetryTest : public testing::Test {
 protected:
  static v1::SessionSpec SpecOf(int expected) {
    v1::SessionSpec spec;
    spec.mutable_file()->set_root("files");
    spec.mutable_file()->set_path("content");
    spec.mutable_listener()->set_port(4000);
    (*spec.mutable_labels())["fleet"] = "blue";
    for (int i = 1; i <= expected; ++i) {
      v1::ExpectedRecipient& one = *spec.add_expected();
      one.set_address(absl::StrCat("192.0.2.", i));
      one.set_label(absl::StrCat("node", i));
      one.set_number(i);
    }
    return spec;
  }

  // A session with records of its first recipients.
  void Add(v1::SessionState state, const v1::SessionSpec& spec,
           const States& recipients) {
    v1::Session session;
    session.set_name(kName);
    *session.mutable_spec() = spec;
    session.set_state(state);
    table_.Insert(session);
    std::vector<v1::Recipient> records;
    for (const v1::RecipientState recipient : recipients) {
      v1::Recipient& record = records.emplace_back();
      record.set_name(absl::StrCat(kName, "/recipients/", records.size()));
      record.set_state(recipient);
    }
    table_.Update(session, records, {});
  }

  SessionTable table_;
};

std::vector<std::string> LabelsOf(const v1::SessionSpec& spec) {
  std::vector<std::string> labels;
  for (const auto& one : spec.expected()) labels.push_back(one.label());
  return labels;
}

TEST_F(SessionRetryTest, ExpectsThoseWhoAreNotDeliveredInTheirOrder) {
  // The fifth has no record: it never came, and the service was restarted
  // since.
  Add(v1::SESSION_STATE_PARTIALLY_SUCCEEDED, SpecOf(5),
      {v1::RECIPIENT_STATE_FAILED, v1::RECIPIENT_STATE_DELIVERED,
       v1::RECIPIENT_STATE_DROPPED, v1::RECIPIENT_STATE_EXPECTED});
  const auto spec = SpecOfRetry(table_, kName);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(LabelsOf(*spec),
            (std::vector<std::string>{"node1", "node3", "node4", "node5"}));
  EXPECT_EQ(spec->expected(1).address(), "192.0.2.3");
}

TEST_F(SessionRetryTest, WhoIsExpectedByACertificateIsSoAgain) {
  v1::SessionSpec first = SpecOf(2);
  first.mutable_encryption()->add_client_names("dns:a");
  first.mutable_encryption()->add_client_names("dns:b");
  first.mutable_expected(0)->clear_address();
  first.mutable_expected(0)->set_identity("dns:a");
  first.mutable_expected(1)->clear_address();
  first.mutable_expected(1)->set_identity("dns:b");
  Add(v1::SESSION_STATE_PARTIALLY_SUCCEEDED, first,
      {v1::RECIPIENT_STATE_DELIVERED, v1::RECIPIENT_STATE_FAILED});
  const auto spec = SpecOfRetry(table_, kName);
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_EQ(spec->expected_size(), 1);
  EXPECT_EQ(spec->expected(0).identity(), "dns:b");
  EXPECT_EQ(spec->encryption().client_names_size(), 2);
}

TEST_F(SessionRetryTest, TheRestOfTheSpecIsTheSame) {
  Add(v1::SESSION_STATE_FAILED, SpecOf(1), {v1::RECIPIENT_STATE_FAILED});
  const auto spec = SpecOfRetry(table_, kName);
  ASSERT_TRUE(spec.ok()) << spec.status();
  v1::SessionSpec same = SpecOf(1);
  same.mutable_start();
  EXPECT_EQ(spec->SerializeAsString(), same.SerializeAsString());
}

TEST_F(SessionRetryTest, WaitsForNoMoreThanItExpects) {
  v1::SessionSpec first = SpecOf(3);
  first.mutable_start()->mutable_max_wait()->set_seconds(60);
  first.mutable_start()->set_min_recipients(3);
  Add(v1::SESSION_STATE_PARTIALLY_SUCCEEDED, first,
      {v1::RECIPIENT_STATE_DELIVERED, v1::RECIPIENT_STATE_DELIVERED,
       v1::RECIPIENT_STATE_FAILED});
  const auto spec = SpecOfRetry(table_, kName);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->start().min_recipients(), 1);
  EXPECT_EQ(spec->start().max_wait().seconds(), 60);
}

TEST_F(SessionRetryTest, ASessionThatIsNotThereIsNamed) {
  const absl::Status status = SpecOfRetry(table_, kName).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_NE(status.message().find(kName), std::string::npos) << status;
}

// All have the content, at any time at which there are any.
TEST_F(SessionRetryTest, WhoseSessionIsDeletedMeanwhileIsNotExpectedAgain) {
  constexpr int kExpected = 100;
  constexpr int kSessions = 100;
  v1::Session running;
  running.set_name(kName);
  *running.mutable_spec() = SpecOf(kExpected);
  running.set_state(v1::SESSION_STATE_TRANSFERRING);
  std::vector<v1::Recipient> delivered(kExpected);
  for (int i = 0; i < kExpected; ++i) {
    delivered[i].set_name(absl::StrCat(kName, "/recipients/", i + 1));
    delivered[i].set_state(v1::RECIPIENT_STATE_DELIVERED);
  }
  std::atomic<bool> are_over = false;
  std::thread others([&] {
    for (int i = 0; i < kSessions; ++i) {
      v1::Session session = running;
      session.set_etag(absl::StrCat(i));
      table_.Insert(session);
      session.set_state(v1::SESSION_STATE_SUCCEEDED);
      table_.Update(session, delivered, {});
      // It is there for as long as somebody asks for it.
      for (int j = 0; j < 10; ++j) {
        EXPECT_FALSE(SpecOfRetry(table_, kName).ok());
      }
      table_.Remove(kName);
    }
    are_over = true;
  });
  while (!are_over) {
    const auto spec = SpecOfRetry(table_, kName);
    EXPECT_FALSE(spec.ok()) << spec->expected_size();
  }
  others.join();
}

TEST_F(SessionRetryTest, ASessionThatGoesOnCannotBeRetried) {
  Add(v1::SESSION_STATE_TRANSFERRING, SpecOf(1),
      {v1::RECIPIENT_STATE_TRANSFERRING});
  const absl::Status status = SpecOfRetry(table_, kName).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("TRANSFERRING"), std::string::npos) << status;
}

TEST_F(SessionRetryTest, WhereNobodyIsExpectedNobodyIsKnownToLackTheContent) {
  Add(v1::SESSION_STATE_PARTIALLY_SUCCEEDED, SpecOf(0),
      {v1::RECIPIENT_STATE_FAILED});
  const absl::Status status = SpecOfRetry(table_, kName).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("expects nobody"), std::string::npos)
      << status;
}

TEST_F(SessionRetryTest, WhereAllAreDeliveredThereIsNothingToRetry) {
  // Also if one that was not expected is not.
  Add(v1::SESSION_STATE_SUCCEEDED, SpecOf(2),
      {v1::RECIPIENT_STATE_DELIVERED, v1::RECIPIENT_STATE_DELIVERED,
       v1::RECIPIENT_STATE_FAILED});
  const absl::Status status = SpecOfRetry(table_, kName).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("nothing to retry"), std::string::npos)
      << status;
}

}  // namespace
}  // namespace tcptool::server
