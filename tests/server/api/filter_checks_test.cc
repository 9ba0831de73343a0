// Which filters of lists and watches are refused.
#include "server/api/filter_checks.h"

#include <gtest/gtest.h>

#include <string>

#include "server/api/request_checks.h"

namespace tcptool::server {
namespace {

// The path of the first field that is wrong; empty: none is.
template <typename Request>
std::string WrongField(const Request& request) {
  const absl::Status status = CheckRequest(request);
  if (status.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  const std::string message(status.message());
  return message.substr(0, message.find(": "));
}

TEST(FilterChecksTest, RangesHaveTimesInTheirOrder) {
  v1::ListSessionsRequest request;
  v1::TimeRange& range = *request.mutable_session_filter()->mutable_end_time();
  EXPECT_EQ(WrongField(request), "");
  range.mutable_since()->set_seconds(10);
  range.mutable_until()->set_seconds(10);
  EXPECT_EQ(WrongField(request), "");
  range.mutable_until()->set_seconds(9);
  EXPECT_EQ(WrongField(request), "session_filter.end_time.until");
  range.clear_until();
  range.mutable_since()->set_nanos(1'000'000'000);
  EXPECT_EQ(WrongField(request), "session_filter.end_time.since");
  range.mutable_since()->set_nanos(-1);
  EXPECT_EQ(WrongField(request), "session_filter.end_time.since");
  range.mutable_since()->set_nanos(0);
  range.mutable_since()->set_seconds(253'402'300'800);
  EXPECT_EQ(WrongField(request), "session_filter.end_time.since");
}

TEST(FilterChecksTest, NamePrefixIsTheBeginningOfAnId) {
  v1::WatchDistributionsRequest request;
  std::string& prefix =
      *request.mutable_distribution_filter()->mutable_name_prefix();
  for (const std::string& right :
       {std::string(), std::string("a"), std::string("a-"), std::string("a1"),
        std::string(63, 'a')}) {
    prefix = right;
    EXPECT_EQ(WrongField(request), "") << right;
  }
  for (const std::string& wrong :
       {std::string("distributions/a"), std::string("A"), std::string("1"),
        std::string("-"), std::string("a\n"), std::string(64, 'a')}) {
    prefix = wrong;
    EXPECT_EQ(WrongField(request), "distribution_filter.name_prefix") << wrong;
  }
}

TEST(FilterChecksTest, SourceIsAFileAnUploadOrAReception) {
  v1::ListSessionsRequest request;
  v1::SourceFilter& source =
      *request.mutable_session_filter()->mutable_source();
  EXPECT_EQ(WrongField(request), "session_filter.source");
  for (const char* file : {"root", "root/path", "root/a/b"}) {
    source.set_file(file);
    EXPECT_EQ(WrongField(request), "") << file;
  }
  for (const std::string& file :
       {std::string(), std::string("/"), std::string("/root"),
        std::string("root/"), std::string(5000, 'a')}) {
    source.set_file(file);
    EXPECT_EQ(WrongField(request), "session_filter.source.file") << file;
  }
  source.set_upload(true);
  EXPECT_EQ(WrongField(request), "");
  source.set_upload(false);
  EXPECT_EQ(WrongField(request), "session_filter.source.upload");
  for (const char* reception : {"receptions/a", "receptions/-"}) {
    source.set_reception(reception);
    EXPECT_EQ(WrongField(request), "") << reception;
  }
  for (const char* reception : {"", "a", "sessions/a", "receptions/"}) {
    source.set_reception(reception);
    EXPECT_EQ(WrongField(request), "session_filter.source.reception");
  }
}

TEST(FilterChecksTest, SourceOfADistributionIsAFileOfANodeOrAnUpload) {
  v1::WatchDistributionsRequest request;
  v1::FleetSourceFilter& source =
      *request.mutable_distribution_filter()->mutable_source();
  EXPECT_EQ(WrongField(request), "distribution_filter.source");
  for (const char* file : {"node", "node:root", "node:root/a:b"}) {
    source.set_file(file);
    EXPECT_EQ(WrongField(request), "") << file;
  }
  for (const std::string& file :
       {std::string(), std::string(":root"), std::string("node:"),
        std::string("node:/root"), std::string("node:root/"),
        std::string(65, 'a'), "node:" + std::string(5000, 'a')}) {
    source.set_file(file);
    EXPECT_EQ(WrongField(request), "distribution_filter.source.file") << file;
  }
  source.set_upload(true);
  EXPECT_EQ(WrongField(request), "");
  source.set_upload(false);
  EXPECT_EQ(WrongField(request), "distribution_filter.source.upload");
}

TEST(FilterChecksTest, RecipientsHaveReasonsAndAddresses) {
  v1::ListRecipientsRequest request;
  request.set_parent("sessions/a");
  v1::RecipientFilter& filter = *request.mutable_recipient_filter();
  filter.add_reasons(v1::RECIPIENT_REASON_STALLED);
  filter.add_addresses("192.0.2.0/24");
  filter.add_addresses("2001:db8::7");
  EXPECT_EQ(WrongField(request), "");
  for (const char* address :
       {"", "a", "192.0.2.7:80", "192.0.2.0/33", "fe80::1%lo"}) {
    filter.set_addresses(1, address);
    EXPECT_EQ(WrongField(request), "recipient_filter.addresses[1]") << address;
  }
  filter.clear_addresses();
  for (int i = 0; i < 101; ++i) filter.add_addresses("192.0.2.7");
  EXPECT_EQ(WrongField(request), "recipient_filter.addresses");
  filter.clear_addresses();
  filter.add_identities("dns:node-1.example");
  filter.add_identities("node-1");
  EXPECT_EQ(WrongField(request), "recipient_filter.identities[1]");
  filter.clear_identities();
  for (int i = 0; i < 101; ++i) filter.add_identities("cn:a");
  EXPECT_EQ(WrongField(request), "recipient_filter.identities");
  filter.clear_identities();
  filter.add_reasons(v1::RECIPIENT_REASON_UNSPECIFIED);
  EXPECT_EQ(WrongField(request), "recipient_filter.reasons[1]");
  filter.mutable_reasons()->Set(1, 1000);
  EXPECT_EQ(WrongField(request), "recipient_filter.reasons[1]");
}

TEST(FilterChecksTest, WatchFiltersRecipientsThatItShows) {
  v1::WatchSessionsRequest request;
  request.mutable_recipient_filter();
  EXPECT_EQ(WrongField(request), "recipient_filter");
  request.set_include_recipients(true);
  EXPECT_EQ(WrongField(request), "");
  request.mutable_recipient_filter()->add_addresses("nowhere");
  EXPECT_EQ(WrongField(request), "recipient_filter.addresses[0]");
}

TEST(FilterChecksTest, ReceptionsAreFilteredInListsAndWatches) {
  v1::ListReceptionsRequest list;
  list.mutable_reception_filter()->set_destination("/root");
  EXPECT_EQ(WrongField(list), "reception_filter.destination");
  v1::WatchReceptionsRequest watch;
  watch.mutable_reception_filter()->add_reasons(
      v1::RECEPTION_REASON_UNSPECIFIED);
  EXPECT_EQ(WrongField(watch), "reception_filter.reasons[0]");
}

}  // namespace
}  // namespace tcptool::server
