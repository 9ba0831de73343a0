// What filters select.
#include "server/api/selection.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

google::protobuf::Timestamp At(int64_t seconds, int32_t nanos = 0) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  time.set_nanos(nanos);
  return time;
}

v1::Recipient Peer(const std::string& address) {
  v1::Recipient recipient;
  recipient.set_address(address);
  return recipient;
}

TEST(SelectionTest, RangeBeginsWithSinceAndEndsBeforeUntil) {
  v1::TimeRange range;
  EXPECT_TRUE(Contains(range, At(0)));
  *range.mutable_since() = At(10, 5);
  EXPECT_FALSE(Contains(range, At(10, 4)));
  EXPECT_TRUE(Contains(range, At(10, 5)));
  *range.mutable_until() = At(11);
  EXPECT_TRUE(Contains(range, At(10, 999'999'999)));
  EXPECT_FALSE(Contains(range, At(11)));
}

TEST(SelectionTest, NoValueStandsForAll) {
  v1::RecipientFilter filter;
  EXPECT_TRUE(IsOneOf(filter.addresses(), "a"));
  EXPECT_TRUE(IsOneOf(SetOf(filter.addresses()), "a"));
  for (const char* address : {"b", "c", "b"}) filter.add_addresses(address);
  EXPECT_EQ(SetOf(filter.addresses()).size(), 2u);
  EXPECT_FALSE(IsOneOf(filter.addresses(), "a"));
  EXPECT_FALSE(IsOneOf(SetOf(filter.addresses()), "a"));
  EXPECT_TRUE(IsOneOf(filter.addresses(), "c"));
  EXPECT_TRUE(IsOneOf(SetOf(filter.addresses()), "c"));
}

TEST(SelectionTest, PathsAreComparedByWholeNames) {
  EXPECT_TRUE(IsAtOrBelow("root", "root", "a"));
  EXPECT_TRUE(IsAtOrBelow("root/a", "root", "a"));
  EXPECT_TRUE(IsAtOrBelow("root/a", "root", "a/b"));
  EXPECT_TRUE(IsAtOrBelow("root/a/b", "root", "a/b"));
  EXPECT_FALSE(IsAtOrBelow("root/a", "root", "ab"));
  EXPECT_FALSE(IsAtOrBelow("root/a/b", "root", "a"));
  EXPECT_FALSE(IsAtOrBelow("root", "roots", "a"));
  EXPECT_FALSE(IsAtOrBelow("roots", "root", "s"));
  EXPECT_FALSE(IsAtOrBelow("roo", "root", "a"));
}

TEST(SelectionTest, SessionsHaveOneSource) {
  v1::SessionFilter filter;
  v1::SessionSpec file;
  file.mutable_file()->set_root("root");
  file.mutable_file()->set_path("a");
  v1::SessionSpec upload;
  upload.mutable_upload();
  v1::SessionSpec relay;
  relay.mutable_reception()->set_name("receptions/a");
  const auto selected = [&] {
    return std::string(SelectsSpec(filter, file) ? "f" : "") +
           (SelectsSpec(filter, upload) ? "u" : "") +
           (SelectsSpec(filter, relay) ? "r" : "");
  };
  EXPECT_EQ(selected(), "fur");
  filter.mutable_source()->set_file("root/a");
  EXPECT_EQ(selected(), "f");
  filter.mutable_source()->set_upload(true);
  EXPECT_EQ(selected(), "u");
  filter.mutable_source()->set_reception("receptions/-");
  EXPECT_EQ(selected(), "r");
  filter.mutable_source()->set_reception("receptions/b");
  EXPECT_EQ(selected(), "");
}

TEST(SelectionTest, DistributionsComeFromANodeOrAnUpload) {
  v1::DistributionSpec file;
  file.mutable_file()->set_node("node1");
  file.mutable_file()->set_root("root");
  file.mutable_file()->set_path("a/b");
  v1::DistributionSpec upload;
  upload.mutable_upload()->set_node("node1");
  v1::DistributionFilter filter;
  EXPECT_TRUE(SelectsSpec(filter, file));
  EXPECT_TRUE(SelectsSpec(filter, upload));
  for (const char* right :
       {"node1", "node1:root", "node1:root/a", "node1:root/a/b"}) {
    filter.mutable_source()->set_file(right);
    EXPECT_TRUE(SelectsSpec(filter, file)) << right;
    EXPECT_FALSE(SelectsSpec(filter, upload)) << right;
  }
  for (const char* wrong :
       {"node", "node2", "node1:roo", "node1:root/b", "node1:root/a/b/c"}) {
    filter.mutable_source()->set_file(wrong);
    EXPECT_FALSE(SelectsSpec(filter, file)) << wrong;
  }
  filter.mutable_source()->set_upload(true);
  EXPECT_FALSE(SelectsSpec(filter, file));
  EXPECT_TRUE(SelectsSpec(filter, upload));
}

TEST(SelectionTest, NamesAndTimesOfSessions) {
  v1::Session session;
  session.set_name("sessions/image-7");
  *session.mutable_create_time() = At(100);
  v1::SessionFilter filter;
  filter.set_name_prefix("image-");
  EXPECT_TRUE(Selects(filter, session, session.spec()));
  filter.set_name_prefix("s");
  EXPECT_FALSE(Selects(filter, session, session.spec()));
  filter.clear_name_prefix();
  *filter.mutable_create_time()->mutable_since() = At(101);
  EXPECT_FALSE(Selects(filter, session, session.spec()));
  filter.clear_create_time();
  // What has not ended has ended at no time.
  filter.mutable_end_time();
  EXPECT_FALSE(Selects(filter, session, session.spec()));
  *session.mutable_end_time() = At(200);
  EXPECT_TRUE(Selects(filter, session, session.spec()));
  *filter.mutable_end_time()->mutable_until() = At(200);
  EXPECT_FALSE(Selects(filter, session, session.spec()));
}

TEST(SelectionTest, RecipientsByAddressWhateverTheirPort) {
  v1::RecipientFilter filter;
  filter.add_addresses("192.0.2.0/25");
  filter.add_addresses("2001:db8::7");
  filter.add_addresses("fe80::1");
  const RecipientSelection selection(filter);
  for (const char* address :
       {"192.0.2.7:41824", "192.0.2.7", "[2001:db8::7]:41824", "2001:db8::7",
        "[::ffff:192.0.2.7]:1", "fe80::1%lo"}) {
    EXPECT_TRUE(selection.Has(Peer(address))) << address;
  }
  for (const char* address :
       {"192.0.2.200:41824", "[2001:db8::8]:41824", "", "nobody"}) {
    EXPECT_FALSE(selection.Has(Peer(address))) << address;
    EXPECT_TRUE(RecipientSelection().Has(Peer(address))) << address;
  }
}

TEST(SelectionTest, RecipientsByTheirCertificates) {
  v1::RecipientFilter filter;
  filter.add_identities("cn:a");
  filter.add_identities("dns:b");
  const RecipientSelection selection(filter);
  v1::Recipient recipient = Peer("192.0.2.7:1");
  EXPECT_FALSE(selection.Has(recipient));
  recipient.set_identity("dns:b");
  EXPECT_TRUE(selection.Has(recipient));
  recipient.set_identity("cn:b");
  EXPECT_FALSE(selection.Has(recipient));
}

TEST(SelectionTest, RecipientsByReasonAndTime) {
  v1::RecipientFilter filter;
  filter.add_reasons(v1::RECIPIENT_REASON_STALLED);
  *filter.mutable_connect_time()->mutable_since() = At(10);
  const RecipientSelection selection(filter);
  v1::Recipient recipient = Peer("192.0.2.7:1");
  recipient.set_reason(v1::RECIPIENT_REASON_STALLED);
  EXPECT_FALSE(selection.Has(recipient));  // It has not connected.
  *recipient.mutable_connect_time() = At(9);
  EXPECT_FALSE(selection.Has(recipient));
  *recipient.mutable_connect_time() = At(10);
  EXPECT_TRUE(selection.Has(recipient));
  recipient.set_reason(v1::RECIPIENT_REASON_CONNECTION_LOST);
  EXPECT_FALSE(selection.Has(recipient));
}

}  // namespace
}  // namespace tcptool::server
