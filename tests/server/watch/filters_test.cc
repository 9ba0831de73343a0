// Lists and watches of what filters select, and the bounds of one call's work.
#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"
#include "tests/server/watch/messages.h"

namespace tcptool::server {
namespace {

v1::Session Ended(v1::Session session, int64_t seconds) {
  session.set_state(v1::SESSION_STATE_FAILED);
  session.mutable_end_time()->set_seconds(seconds);
  return session;
}

// "s+ s/1 -s": a session with its spec, a recipient, a deletion.
template <typename Table, typename Response>
std::string Read(const Table& table, const typename Table::Filter& filter,
                 typename Table::Cursor& cursor) {
  std::vector<std::string> all;
  bool more = true;
  while (more) {
    Response response;
    const auto next = table.Next(filter, cursor, 64, response);
    EXPECT_TRUE(next.ok()) << next.status();
    more = next.ok() && *next;
    for (const auto& change : response.changes()) {
      if (change.has_deleted_name()) {
        all.push_back(absl::StrCat("-", change.deleted_name()));
        continue;
      }
      if constexpr (std::is_same_v<Table, SessionTable>) {
        all.push_back(change.has_session()
                          ? change.session().name() +
                                (change.session().has_spec() ? "+" : "")
                          : change.recipient().name());
      } else {
        all.push_back(change.reception().name() +
                      (change.reception().has_spec() ? "+" : ""));
      }
    }
  }
  return absl::StrJoin(all, " ");
}

std::string ReadSessions(const SessionTable& table,
                         const SessionTable::Filter& filter,
                         SessionTable::Cursor& cursor) {
  return Read<SessionTable, v1::WatchSessionsResponse>(table, filter, cursor);
}

std::string ReadReceptions(const ReceptionTable& table,
                           const ReceptionTable::Filter& filter,
                           ReceptionTable::Cursor& cursor) {
  return Read<ReceptionTable, v1::WatchReceptionsResponse>(table, filter,
                                                           cursor);
}

TEST(FiltersTest, WatchIsOfNamesAndSources) {
  SessionTable table;
  SessionTable::Filter filter;
  filter.selection.set_name_prefix("a");
  filter.selection.mutable_source()->set_file("root/a1");
  for (const char* id : {"a1", "a2", "b1"}) {
    v1::Session session = Waiting(id);
    session.mutable_spec()->mutable_file()->set_root("root");
    table.Insert(session);
  }
  auto cursor = *table.Begin(0);
  EXPECT_EQ(ReadSessions(table, filter, cursor), "sessions/a1+");
  table.Update(StatusOf(Ended(Waiting("a1"), 1)), {}, {});
  table.Update(StatusOf(Ended(Waiting("a2"), 1)), {}, {});
  table.Update(StatusOf(Ended(Waiting("b1"), 1)), {}, {});
  EXPECT_EQ(ReadSessions(table, filter, cursor), "sessions/a1");
  for (const char* id : {"a1", "a2", "b1"}) {
    table.Remove(absl::StrCat("sessions/", id));
  }
  // Of what is deleted the source is not known any more.
  EXPECT_EQ(ReadSessions(table, filter, cursor), "-sessions/a1 -sessions/a2");
}

TEST(FiltersTest, SnapshotLeavesOutWhatEndedAtAnotherTime) {
  SessionTable table;
  table.Insert(Ended(Waiting("old"), 99));
  table.Insert(Ended(Waiting("new"), 100));
  table.Insert(Waiting("running"));
  SessionTable::Filter filter;
  filter.selection.mutable_end_time()->mutable_since()->set_seconds(100);
  auto cursor = *table.Begin(0);
  EXPECT_EQ(ReadSessions(table, filter, cursor),
            "sessions/new+ sessions/running+");
  // Its end is told, whatever the clock says.
  table.Update(StatusOf(Ended(Waiting("running"), 50)), {}, {});
  EXPECT_EQ(ReadSessions(table, filter, cursor), "sessions/running");
}

TEST(FiltersTest, SnapshotHasWhatEndsWhileItIsRead) {
  SessionTable table;
  ReceptionTable receptions;
  for (const char* id : {"a", "b"}) {
    table.Insert(Waiting(id));
    v1::Reception reception;
    reception.set_name(absl::StrCat("receptions/", id));
    reception.mutable_spec()->mutable_destination()->set_path(id);
    receptions.Insert(reception, receptions.TakeNumber());
  }
  SessionTable::Filter filter;
  filter.include_recipients = true;
  filter.selection.mutable_end_time()->mutable_since()->set_seconds(100);
  ReceptionTable::Filter of_receptions;
  *of_receptions.selection.mutable_end_time() = filter.selection.end_time();
  auto cursor = *table.Begin(0);
  auto reception_cursor = *receptions.Begin(0);
  v1::WatchSessionsResponse first;
  ASSERT_TRUE(table.Next(filter, cursor, 1, first).ok());
  ASSERT_EQ(first.changes_size(), 1);
  v1::WatchReceptionsResponse first_reception;
  ASSERT_TRUE(
      receptions.Next(of_receptions, reception_cursor, 1, first_reception)
          .ok());
  ASSERT_EQ(first_reception.changes_size(), 1);
  const v1::Session ended = Ended(Waiting("b"), 50);
  table.Update(StatusOf(ended),
               {Recipient(ended, 1, v1::RECIPIENT_STATE_FAILED)}, {});
  v1::Reception reception;
  reception.set_name("receptions/b");
  reception.set_state(v1::RECEPTION_STATE_FAILED);
  reception.mutable_end_time()->set_seconds(50);
  receptions.Update(reception);
  EXPECT_EQ(ReadSessions(table, filter, cursor),
            "sessions/b+ sessions/b/recipients/1 sessions/b "
            "sessions/b/recipients/1");
  EXPECT_EQ(ReadReceptions(receptions, of_receptions, reception_cursor),
            "receptions/b+ receptions/b");
}

TEST(FiltersTest, SessionThatIsSelectedSinceAnUpdateComesBeforeItsRecipients) {
  SessionTable table;
  v1::Session session = Waiting("s");
  table.Insert(session);
  SessionTable::Filter filter;
  filter.include_recipients = true;
  filter.labels["job"] = "2";
  auto cursor = *table.Begin(0);
  EXPECT_EQ(ReadSessions(table, filter, cursor), "");
  (*session.mutable_spec()->mutable_labels())["job"] = "2";
  table.Update(session, {}, {});
  table.Update(StatusOf(session),
               {Recipient(session, 1, v1::RECIPIENT_STATE_READY)}, {});
  // The session's entry moves on in the log, behind the recipient's.
  session.set_state(v1::SESSION_STATE_TRANSFERRING);
  table.Update(StatusOf(session), {}, {});
  EXPECT_EQ(ReadSessions(table, filter, cursor),
            "sessions/s+ sessions/s/recipients/1 sessions/s");
}

TEST(FiltersTest, WatchShowsRecipientsWithTheirReason) {
  SessionTable table;
  const v1::Session session = Waiting("s");
  table.Insert(session);
  SessionTable::Filter filter;
  filter.include_recipients = true;
  v1::RecipientFilter recipients;
  recipients.add_reasons(v1::RECIPIENT_REASON_STALLED);
  recipients.add_addresses("192.0.2.7");
  filter.recipients = RecipientSelection(recipients);
  std::vector<v1::Recipient> three;
  for (uint64_t id = 1; id <= 3; ++id) {
    three.push_back(Recipient(session, id, v1::RECIPIENT_STATE_READY));
    three.back().set_address(id == 3 ? "192.0.2.8:1" : "192.0.2.7:1");
  }
  table.Update(StatusOf(session), three, {});
  auto cursor = *table.Begin(0);
  EXPECT_EQ(ReadSessions(table, filter, cursor), "sessions/s+");
  for (v1::Recipient& one : three) {
    one.set_state(v1::RECIPIENT_STATE_FAILED);
    one.set_reason(v1::RECIPIENT_REASON_STALLED);
  }
  three[1].set_reason(v1::RECIPIENT_REASON_CONNECTION_LOST);
  table.Update(StatusOf(session), three, {});
  EXPECT_EQ(ReadSessions(table, filter, cursor), "sessions/s/recipients/1");
  // In a snapshot too.
  cursor = *table.Begin(0);
  EXPECT_EQ(ReadSessions(table, filter, cursor),
            "sessions/s+ sessions/s/recipients/1");
}

TEST(FiltersTest, ReceptionsThatFailForAReasonComeWithTheirSpecs) {
  ReceptionTable table;
  const auto reception = [](const std::string& id) {
    v1::Reception one;
    one.set_name("receptions/" + id);
    one.set_state(v1::RECEPTION_STATE_RECEIVING);
    one.mutable_spec()->mutable_destination()->set_root("in");
    one.mutable_spec()->mutable_destination()->set_path(id);
    return one;
  };
  for (const char* id : {"a", "b"}) {
    table.Insert(reception(id), table.TakeNumber());
  }
  ReceptionTable::Filter filter;
  filter.selection.add_reasons(v1::RECEPTION_REASON_NO_SPACE);
  auto cursor = *table.Begin(0);
  EXPECT_EQ(ReadReceptions(table, filter, cursor), "");
  for (const char* id : {"a", "b"}) {
    v1::Reception failed = reception(id);
    failed.clear_spec();
    failed.set_state(v1::RECEPTION_STATE_FAILED);
    failed.set_reason(id == std::string("a") ? v1::RECEPTION_REASON_NO_SPACE
                                             : v1::RECEPTION_REASON_STALLED);
    table.Update(failed);
  }
  EXPECT_EQ(ReadReceptions(table, filter, cursor), "receptions/a+");
  cursor = *table.Begin(0);
  EXPECT_EQ(ReadReceptions(table, filter, cursor), "receptions/a+");
  v1::ListReceptionsRequest request;
  *request.mutable_reception_filter() = filter.selection;
  EXPECT_EQ(table.List(request)->receptions_size(), 1);
  request.mutable_reception_filter()->set_destination("in/b");
  EXPECT_EQ(table.List(request)->receptions_size(), 0);
  request.mutable_reception_filter()->clear_reasons();
  EXPECT_EQ(table.List(request)->receptions(0).name(), "receptions/b");
}

TEST(FiltersTest, ListsAreOfTimes) {
  SessionTable table;
  for (int i = 0; i < 4; ++i) {
    v1::Session session = Waiting(absl::StrCat("s", i));
    session.mutable_create_time()->set_seconds(i);
    table.Insert(i < 3 ? Ended(session, 10 + i) : session);
  }
  v1::ListSessionsRequest request;
  v1::SessionFilter& filter = *request.mutable_session_filter();
  filter.mutable_create_time()->mutable_since()->set_seconds(1);
  EXPECT_EQ(table.List(request)->sessions_size(), 3);
  filter.mutable_end_time()->mutable_until()->set_seconds(12);
  ASSERT_EQ(table.List(request)->sessions_size(), 1);
  EXPECT_EQ(table.List(request)->sessions(0).name(), "sessions/s1");
}

TEST(FiltersTest, TokenOfOneFilterIsNoOthers) {
  SessionTable table;
  for (int i = 0; i < 4; ++i) table.Insert(Waiting(absl::StrCat("s", i)));
  v1::ListSessionsRequest request;
  request.set_page_size(2);
  request.mutable_session_filter()->set_name_prefix("s");
  request.set_page_token(table.List(request)->next_page_token());
  EXPECT_EQ(table.List(request)->sessions_size(), 2);
  request.mutable_session_filter()->set_name_prefix("s1");
  EXPECT_TRUE(absl::IsInvalidArgument(table.List(request).status()));
  request.clear_session_filter();
  EXPECT_TRUE(absl::IsInvalidArgument(table.List(request).status()));
}

TEST(FiltersTest, CallLooksAtSoManyAndTheNextGoesOn) {
  SessionTable table;
  table.Insert(Waiting("wanted"));
  for (int i = 0; i < 25'000; ++i) table.Insert(Waiting(absl::StrCat("s", i)));
  v1::ListSessionsRequest request;
  request.mutable_session_filter()->set_name_prefix("wanted");
  std::vector<int> sizes;
  do {
    const auto page = table.List(request);
    ASSERT_TRUE(page.ok()) << page.status();
    sizes.push_back(page->sessions_size());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(sizes, (std::vector<int>{0, 0, 1}));
}

// Were the field looked through for each object, this would take minutes.
TEST(FiltersTest, LongListOfStatesCostsTheCallAndNotEachObject) {
  SessionTable table;
  for (int i = 0; i < 10'000; ++i) table.Insert(Waiting(absl::StrCat("s", i)));
  v1::ListSessionsRequest request;
  request.mutable_states()->Resize(1'000'000, v1::SESSION_STATE_FAILED);
  EXPECT_EQ(table.List(request)->sessions_size(), 0);
  request.add_states(v1::SESSION_STATE_WAITING);
  request.set_page_size(3);
  EXPECT_EQ(table.List(request)->sessions_size(), 3);
}

TEST(FiltersTest, ListOfRecipientsLooksAtSoMany) {
  SessionTable table;
  v1::Session session = Waiting("s");
  for (int i = 0; i < 2; ++i) session.mutable_spec()->add_expected();
  table.Insert(session);
  std::vector<v1::Recipient> recipients;
  for (uint64_t id = 1; id <= 25'000; ++id) {
    recipients.push_back(Recipient(session, id, v1::RECIPIENT_STATE_READY));
    recipients.back().set_address(id == 3 ? "192.0.2.7:1" : "192.0.2.8:1");
  }
  table.Update(StatusOf(session), recipients, {});
  v1::ListRecipientsRequest request;
  request.set_parent(session.name());
  request.mutable_recipient_filter()->add_addresses("192.0.2.7");
  std::vector<int> sizes;
  do {
    const auto page = table.ListRecipients(request);
    ASSERT_TRUE(page.ok()) << page.status();
    sizes.push_back(page->recipients_size());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(sizes, (std::vector<int>{0, 0, 1}));
}

TEST(FiltersTest, WatchLooksAtSoManyAtATime) {
  SessionTable table;
  SessionTable::Filter filter;
  filter.selection.set_name_prefix("wanted");
  auto follower = *table.Begin(0);
  EXPECT_EQ(ReadSessions(table, filter, follower), "");
  for (int i = 0; i < 25'000; ++i) table.Insert(Waiting(absl::StrCat("s", i)));
  table.Insert(Waiting("wanted"));
  auto newcomer = *table.Begin(0);
  for (auto* cursor : {&follower, &newcomer}) {
    v1::WatchSessionsResponse response;
    int calls = 0;
    while (response.changes().empty() && calls < 10) {
      const auto more = table.Next(filter, *cursor, 64, response);
      ASSERT_TRUE(more.ok() && (*more || !response.changes().empty()));
      ++calls;
    }
    EXPECT_EQ(calls, 3);
    ASSERT_EQ(response.changes_size(), 1);
    EXPECT_EQ(response.changes(0).session().name(), "sessions/wanted");
  }
}

}  // namespace
}  // namespace tcptool::server
