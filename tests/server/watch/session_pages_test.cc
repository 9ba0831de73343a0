// Lists of sessions and recipients, read page by page while they change.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/api/names.h"
#include "server/watch/session_table.h"
#include "tests/server/watch/messages.h"

namespace tcptool::server {
namespace {

std::vector<std::string> NamesInPages(const SessionTable& table,
                                      v1::ListSessionsRequest request,
                                      const std::function<void()>& between) {
  std::vector<std::string> names;
  do {
    const auto page = table.List(request);
    EXPECT_TRUE(page.ok()) << page.status();
    for (const auto& session : page->sessions()) {
      names.push_back(session.name());
    }
    request.set_page_token(page->next_page_token());
    between();
  } while (!request.page_token().empty());
  return names;
}

TEST(SessionPagesTest, PagesStayRightWhileSessionsComeAndGo) {
  SessionTable table;
  for (int i = 0; i < 100; ++i) table.Insert(Waiting(absl::StrCat("s", i)));
  v1::ListSessionsRequest request;
  request.set_page_size(7);
  int round = 0;
  const auto names = NamesInPages(table, request, [&] {
    // New ones, and the ones on either side of where a page begins.
    table.Insert(Waiting(absl::StrCat("new", round)));
    table.Remove(absl::StrCat("sessions/s", 99 - 7 * (round + 1)));
    ++round;
  });
  const std::set<std::string> seen(names.begin(), names.end());
  EXPECT_EQ(seen.size(), names.size());
  for (int i = 0; i < 100; ++i) {
    const std::string name = absl::StrCat("sessions/s", i);
    if (table.Get(name).ok()) {
      EXPECT_TRUE(seen.contains(name)) << name;
    }
  }
  EXPECT_FALSE(seen.contains("sessions/new0"));
}

TEST(SessionPagesTest, TenThousandSessionsListInPagesNewestFirst) {
  SessionTable table;
  for (int i = 0; i < 10'000; ++i) table.Insert(Waiting(absl::StrCat("s", i)));
  v1::ListSessionsRequest request;
  request.set_page_size(1000);
  const auto names = NamesInPages(table, request, [] {});
  ASSERT_EQ(names.size(), 10'000u);
  EXPECT_EQ(names.front(), "sessions/s9999");
  EXPECT_EQ(names.back(), "sessions/s0");
}

TEST(SessionPagesTest, PageOfLargeSessionsFitsAMessage) {
  SessionTable table;
  for (int i = 0; i < 10; ++i) {
    v1::Session session = Waiting(absl::StrCat("s", i));
    for (int j = 0; j < 5000; ++j) {
      v1::ExpectedRecipient& expected = *session.mutable_spec()->add_expected();
      expected.set_address("192.0.2.1");
      expected.set_label(std::string(200, 'x'));
    }
    table.Insert(std::move(session));
  }
  v1::ListSessionsRequest request;
  EXPECT_LT(table.List(request)->ByteSizeLong(), size_t{4} << 20);
  EXPECT_EQ(NamesInPages(table, request, [] {}).size(), 10u);
}

TEST(SessionPagesTest, ListsFilterByStateAndLabels) {
  SessionTable table;
  for (int i = 0; i < 30; ++i) {
    v1::Session session = Waiting(absl::StrCat("s", i));
    (*session.mutable_spec()->mutable_labels())["fleet"] =
        i % 3 == 0 ? "blue" : "red";
    (*session.mutable_spec()->mutable_labels())["n"] = absl::StrCat(i);
    table.Insert(session);
    if (i % 2 == 0) {
      session.set_state(v1::SESSION_STATE_CANCELLED);
      table.Update(StatusOf(session), {}, {});
    }
  }
  v1::ListSessionsRequest request;
  request.set_page_size(2);
  request.add_states(v1::SESSION_STATE_CANCELLED);
  (*request.mutable_labels())["fleet"] = "blue";
  EXPECT_EQ(
      NamesInPages(table, request, [] {}),
      (std::vector<std::string>{"sessions/s24", "sessions/s18", "sessions/s12",
                                "sessions/s6", "sessions/s0"}));
}

TEST(SessionPagesTest, RecipientsListExpectedFirstThenTheNewest) {
  SessionTable table;
  v1::Session session = Waiting("s");
  for (int i = 1; i <= 3; ++i) {
    session.mutable_spec()->add_expected()->set_number(i);
  }
  table.Insert(session);
  std::vector<v1::Recipient> recipients;
  for (uint64_t id = 1; id <= 10'000; ++id) {
    recipients.push_back(Recipient(session, id, v1::RECIPIENT_STATE_READY));
  }
  table.Update(StatusOf(session), recipients, {});
  v1::ListRecipientsRequest request;
  request.set_parent(session.name());
  request.set_page_size(999);
  std::vector<std::string> names;
  do {
    const auto page = table.ListRecipients(request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& one : page->recipients()) names.push_back(one.name());
    request.set_page_token(page->next_page_token());
    // One more has come, and one that is to be listed has gone.
    const uint64_t gone[] = {5000};
    const v1::Recipient come[] = {
        Recipient(session, 20'000 + names.size(), v1::RECIPIENT_STATE_READY)};
    table.Update(StatusOf(session), come, gone);
  } while (!request.page_token().empty());
  EXPECT_EQ(names.size(), 9999u);
  EXPECT_EQ(names[0], "sessions/s/recipients/1");
  EXPECT_EQ(names[2], "sessions/s/recipients/3");
  EXPECT_EQ(names[3], "sessions/s/recipients/10000");
  EXPECT_EQ(names.back(), "sessions/s/recipients/4");
}

TEST(SessionPagesTest,
     RecipientsThatAreExpectedSinceTheFirstPageAreListedOnce) {
  SessionTable table;
  v1::Session session = Waiting("s");
  session.mutable_spec()->add_expected()->set_number(1);
  table.Insert(session);
  std::vector<v1::Recipient> recipients;
  for (uint64_t id = 1; id <= 9; ++id) {
    recipients.push_back(Recipient(session, id, v1::RECIPIENT_STATE_READY));
  }
  table.Update(StatusOf(session), recipients, {});
  v1::ListRecipientsRequest request;
  request.set_parent(session.name());
  request.set_page_size(3);
  std::string numbers;
  // After the first page: one that was listed, the one that the next page
  // begins with, and some that are still to come.
  std::vector<int64_t> more = {8, 7, 6, 4, 2};
  do {
    const auto page = table.ListRecipients(request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& one : page->recipients()) numbers += one.name().back();
    request.set_page_token(page->next_page_token());
    for (const int64_t number : std::exchange(more, {})) {
      session.mutable_spec()->add_expected()->set_number(number);
    }
    table.Update(session, {}, {});
  } while (!request.page_token().empty());
  EXPECT_EQ(numbers, "198765432");
}

TEST(SessionPagesTest, PageTokensHoldTheNumbersThatSessionsWereGiven) {
  v1::ListSessionsRequest request;
  request.set_page_size(2);
  {
    SessionTable before;
    for (int i = 1; i <= 6; ++i) before.Insert(Waiting(absl::StrCat("s", i)));
    for (int i = 1; i <= 3; ++i) before.Remove(absl::StrCat("sessions/s", i));
    request.set_page_token(before.List(request)->next_page_token());
  }
  SessionTable after;
  for (uint64_t i = 4; i <= 6; ++i) {
    EXPECT_EQ(after.Insert(Waiting(absl::StrCat("s", i)), i), i);
  }
  EXPECT_EQ(after.Insert(Waiting("next")), 7u);
  const auto page = after.List(request);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->sessions_size(), 1);
  EXPECT_EQ(page->sessions(0).name(), "sessions/s4");
}

TEST(SessionPagesTest, RecipientsThatAreExpectedLaterComeInTheOrderOfTheSpec) {
  SessionTable table;
  v1::Session session = Waiting("s");
  for (const int number : {1, 7, 3}) {
    session.mutable_spec()->add_expected()->set_number(number);
  }
  table.Insert(session);
  std::vector<v1::Recipient> recipients;
  for (uint64_t id = 1; id <= 8; ++id) {
    recipients.push_back(Recipient(session, id, v1::RECIPIENT_STATE_READY));
  }
  table.Update(StatusOf(session), recipients, {});
  v1::ListRecipientsRequest request;
  request.set_parent(session.name());
  for (const int page_size : {1, 2, 3, 100}) {
    request.set_page_size(page_size);
    request.clear_page_token();
    std::vector<uint64_t> numbers;
    do {
      const auto page = table.ListRecipients(request);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const auto& one : page->recipients()) {
        numbers.push_back(*RecipientNumber(one.name()));
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(numbers, (std::vector<uint64_t>{1, 7, 3, 8, 6, 5, 4, 2}));
  }
}

TEST(SessionPagesTest, BasicViewHasOfTheSpecTheLabelsAlone) {
  SessionTable table;
  v1::Session session = Waiting("s");
  (*session.mutable_spec()->mutable_labels())["fleet"] = "blue";
  table.Insert(session);
  v1::ListSessionsRequest request;
  request.set_view(v1::VIEW_BASIC);
  const v1::Session listed = table.List(request)->sessions(0);
  EXPECT_EQ(listed.name(), session.name());
  EXPECT_EQ(listed.state(), session.state());
  EXPECT_FALSE(listed.spec().has_file());
  EXPECT_EQ(listed.spec().labels().at("fleet"), "blue");
  EXPECT_FALSE(table.Get(session.name(), v1::VIEW_BASIC)->spec().has_file());
  for (const v1::View view : {v1::VIEW_UNSPECIFIED, v1::VIEW_FULL}) {
    request.set_view(view);
    EXPECT_TRUE(table.List(request)->sessions(0).spec().has_file());
    EXPECT_TRUE(table.Get(session.name(), view)->spec().has_file());
  }
}

}  // namespace
}  // namespace tcptool::server
