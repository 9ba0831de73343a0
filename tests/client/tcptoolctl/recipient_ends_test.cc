// When a recipient has ended, for `tcptoolctl watch --exec`.
#include "client/tcptoolctl/recipient_ends.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "messages/states.h"

namespace tcptool {
namespace {

v1::WatchSessionsResponse Session(v1::SessionState state, int expected = 0,
                                  bool bookmark = false) {
  v1::WatchSessionsResponse response;
  v1::Session& session = *response.add_changes()->mutable_session();
  session.set_name("sessions/s");
  session.set_state(state);
  for (int i = 0; i < expected; ++i) session.mutable_spec()->add_expected();
  response.set_bookmark(bookmark);
  return response;
}

v1::WatchSessionsResponse Recipient(int number, v1::RecipientState state) {
  v1::WatchSessionsResponse response;
  v1::Recipient& recipient = *response.add_changes()->mutable_recipient();
  recipient.set_name(absl::StrCat("sessions/s/recipients/", number));
  recipient.set_state(state);
  return response;
}

// "1:DELIVERED 2:FAILED".
std::string Take(RecipientEnds& ends,
                 const v1::WatchSessionsResponse& response) {
  return absl::StrJoin(
      ends.Take(response), " ",
      [](std::string* out, const v1::Recipient& recipient) {
        absl::StrAppend(
            out, recipient.name().substr(recipient.name().rfind('/') + 1), ":",
            StateName(recipient.state()));
      });
}

TEST(RecipientEndsTest, EachRecipientEndsOnce) {
  RecipientEnds ends;
  EXPECT_EQ(Take(ends, Session(v1::SESSION_STATE_TRANSFERRING)), "");
  EXPECT_EQ(Take(ends, Recipient(1, v1::RECIPIENT_STATE_CONFIRMING)), "");
  EXPECT_EQ(Take(ends, Recipient(1, v1::RECIPIENT_STATE_DELIVERED)),
            "1:DELIVERED");
  EXPECT_EQ(Take(ends, Recipient(2, v1::RECIPIENT_STATE_FAILED)), "2:FAILED");
  // The watch begins anew, after its connection was lost.
  EXPECT_EQ(Take(ends, Session(v1::SESSION_STATE_TRANSFERRING)), "");
  EXPECT_EQ(Take(ends, Recipient(1, v1::RECIPIENT_STATE_DELIVERED)), "");
  EXPECT_EQ(Take(ends, Recipient(2, v1::RECIPIENT_STATE_FAILED)), "");
  EXPECT_EQ(Take(ends, Session(v1::SESSION_STATE_SUCCEEDED, 0, true)), "");
}

TEST(RecipientEndsTest, WhoMayComeAgainEndsWithTheSession) {
  RecipientEnds ends;
  Take(ends, Session(v1::SESSION_STATE_TRANSFERRING, 3));
  Take(ends, Recipient(3, v1::RECIPIENT_STATE_EXPECTED));
  EXPECT_EQ(Take(ends, Recipient(1, v1::RECIPIENT_STATE_FAILED)), "");
  EXPECT_EQ(Take(ends, Recipient(2, v1::RECIPIENT_STATE_FAILED)), "");
  EXPECT_EQ(Take(ends, Recipient(1, v1::RECIPIENT_STATE_READY)), "");
  EXPECT_EQ(Take(ends, Recipient(1, v1::RECIPIENT_STATE_DELIVERED)),
            "1:DELIVERED");
  // The last states of recipients may come after the session's.
  EXPECT_EQ(Take(ends, Session(v1::SESSION_STATE_PARTIALLY_SUCCEEDED)), "");
  v1::WatchSessionsResponse last = Recipient(2, v1::RECIPIENT_STATE_DROPPED);
  last.set_bookmark(true);
  EXPECT_EQ(Take(ends, last), "2:DROPPED 3:EXPECTED");
  EXPECT_EQ(Take(ends, last), "");
}

TEST(RecipientEndsTest, ConnectionThatGetsAPlaceAfterItsEndHasEndedOnce) {
  RecipientEnds ends;
  Take(ends, Session(v1::SESSION_STATE_TRANSFERRING, 1));
  // Both are from the expected address, and the first one has its place.
  v1::WatchSessionsResponse first =
      Recipient(1, v1::RECIPIENT_STATE_TRANSFERRING);
  v1::WatchSessionsResponse second =
      Recipient(2, v1::RECIPIENT_STATE_DELIVERED);
  for (auto* response : {&first, &second}) {
    v1::Recipient& one = *response->mutable_changes(0)->mutable_recipient();
    one.set_address(response == &first ? "192.0.2.7:1" : "192.0.2.7:2");
    one.mutable_connect_time()->set_seconds(5);
  }
  EXPECT_EQ(Take(ends, first), "");
  EXPECT_EQ(Take(ends, second), "2:DELIVERED");
  // The first one fails, and the place is the second one's.
  auto* place = second.mutable_changes(0)->mutable_recipient();
  place->set_name("sessions/s/recipients/1");
  EXPECT_EQ(Take(ends, second), "");
  EXPECT_EQ(Take(ends, Session(v1::SESSION_STATE_SUCCEEDED, 1, true)), "");
}

TEST(RecipientEndsTest, NodeMayComeAgain) {
  RecipientEnds ends;
  Take(ends, Session(v1::SESSION_STATE_TRANSFERRING));
  v1::WatchSessionsResponse node = Recipient(1, v1::RECIPIENT_STATE_FAILED);
  node.mutable_changes(0)->mutable_recipient()->set_kind(
      v1::RECIPIENT_KIND_NODE);
  EXPECT_EQ(Take(ends, node), "");
  EXPECT_EQ(Take(ends, Session(v1::SESSION_STATE_FAILED, 0, true)), "1:FAILED");
}

TEST(RecipientEndsTest, DeletionOfTheSessionEndsAll) {
  RecipientEnds ends;
  Take(ends, Session(v1::SESSION_STATE_TRANSFERRING));
  Take(ends, Recipient(1, v1::RECIPIENT_STATE_TRANSFERRING));
  v1::WatchSessionsResponse deleted;
  deleted.add_changes()->set_deleted_name("sessions/s");
  EXPECT_EQ(Take(ends, deleted), "1:TRANSFERRING");
}

}  // namespace
}  // namespace tcptool
