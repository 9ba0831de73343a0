// The flags of commands that list.
#include "client/tcptoolctl/list_flags.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/flag_values.h"

namespace tcptool {
namespace {

TEST(ListFlagsTest, MomentIsSoLongAgoOrATime) {
  const absl::Time now = absl::FromUnixSeconds(1'000'000'000);
  EXPECT_EQ(ParseMoment("1h", now), now - absl::Hours(1));
  EXPECT_EQ(ParseMoment("0", now), now);
  EXPECT_EQ(ParseMoment("2001-09-09T01:46:40Z", now), now);
  EXPECT_EQ(ParseMoment("2001-09-09T03:46:40.5+02:00", now),
            now + absl::Milliseconds(500));
  for (const char* text : {"", "-1h", "yesterday", "inf", "2001-09-09",
                           "1000000000", "infinite-past", "9999999h"}) {
    EXPECT_EQ(ParseMoment(text, now), std::nullopt) << text;
  }
}

ListFlags Parsed(void (*add)(CLI::App&, ListFlags&), const std::string& line) {
  ListFlags flags;
  CLI::App app;
  add(app, flags);
  app.parse(line);
  return flags;
}

TEST(ListFlagsTest, TimesAreOfTheBeginningOrOfFailures) {
  const std::string since = "--since=2001-09-09T01:46:40Z";
  const auto running = SessionsRequest(Parsed(AddSessionListFlags, since));
  EXPECT_EQ(running.session_filter().create_time().since().seconds(),
            1'000'000'000);
  EXPECT_FALSE(running.session_filter().has_end_time());
  const auto failed =
      SessionsRequest(Parsed(AddSessionListFlags, "--failed " + since));
  EXPECT_EQ(failed.session_filter().end_time().since().seconds(),
            1'000'000'000);
  EXPECT_FALSE(failed.session_filter().has_create_time());
  EXPECT_EQ(failed.states_size(), 4);
  const auto recipients =
      RecipientsRequest(Parsed(AddRecipientListFlags, since));
  EXPECT_TRUE(recipients.recipient_filter().has_connect_time());
}

TEST(ListFlagsTest, RequestHasWhatFlagsSay) {
  const auto sessions = SessionsRequest(
      Parsed(AddSessionListFlags,
             "--state failed --state EXPIRED --label a=b=c --name-prefix x "
             "--source root/a"));
  EXPECT_EQ(sessions.states(1), v1::SESSION_STATE_EXPIRED);
  EXPECT_EQ(sessions.labels().at("a"), "b=c");
  EXPECT_EQ(sessions.session_filter().name_prefix(), "x");
  EXPECT_EQ(sessions.session_filter().source().file(), "root/a");
  const auto recipients =
      RecipientsRequest(Parsed(AddRecipientListFlags,
                               "--reason stalled --address 192.0.2.0/24 "
                               "--identity dns:a --label gate"));
  EXPECT_EQ(recipients.recipient_filter().reasons(0),
            v1::RECIPIENT_REASON_STALLED);
  EXPECT_EQ(recipients.recipient_filter().addresses(0), "192.0.2.0/24");
  EXPECT_EQ(recipients.recipient_filter().identities(0), "dns:a");
  EXPECT_EQ(recipients.labels(0), "gate");
  const auto receptions = ReceptionsRequest(
      Parsed(AddReceptionListFlags, "--destination in --failed"));
  EXPECT_EQ(receptions.reception_filter().destination(), "in");
  EXPECT_EQ(receptions.states_size(), 2);
  const auto distributions = DistributionsRequest(
      Parsed(AddDistributionListFlags,
             "--state planning --label job=7 --source node1:root/a"));
  EXPECT_EQ(distributions.states(0), v1::DISTRIBUTION_STATE_PLANNING);
  EXPECT_EQ(distributions.labels().at("job"), "7");
  EXPECT_EQ(distributions.distribution_filter().source().file(),
            "node1:root/a");
  EXPECT_TRUE(DistributionsRequest(Parsed(AddDistributionListFlags, "--upload"))
                  .distribution_filter()
                  .source()
                  .upload());
  const auto nodes =
      Parsed(AddNodeListFlags, "--rack r1 --rack r2 --label zone=west").nodes;
  EXPECT_EQ(nodes.racks_size(), 2);
  EXPECT_EQ(nodes.labels().at("zone"), "west");
}

TEST(ListFlagsTest, WrongValuesAreRefused) {
  for (const char* line :
       {"--state none", "--state unspecified", "--since yesterday", "--label a",
        "--source a --upload"}) {
    EXPECT_THROW(Parsed(AddSessionListFlags, line), CLI::ParseError) << line;
  }
}

TEST(ListFlagsTest, FailedStandsForStatesAndHasNoneBesideIt) {
  for (const auto add : {AddSessionListFlags, AddRecipientListFlags,
                         AddReceptionListFlags, AddDistributionListFlags}) {
    EXPECT_THROW(Parsed(add, "--state failed --failed"), CLI::ExcludesError);
    EXPECT_THROW(Parsed(add, "--failed --state failed"), CLI::ExcludesError);
  }
}

TEST(ListFlagsTest, TimesThatAreTooLongAgoAreToldTheBound) {
  for (const char* when : {"99999999h", "-1h", "inf"}) {
    try {
      Parsed(AddSessionListFlags, absl::StrCat("--since=", when));
      ADD_FAILURE() << when;
    } catch (const CLI::ParseError& error) {
      EXPECT_EQ(std::string(error.what()),
                absl::StrCat("--since: ", when,
                             " ago is not between 0 and 876000h ago"));
    }
  }
}

}  // namespace
}  // namespace tcptool
