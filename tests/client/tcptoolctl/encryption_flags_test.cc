// The flags of encrypted sessions, and what is shown of these.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>

#include "client/tcptoolctl/render.h"
#include "client/tcptoolctl/spec_flags.h"
#include "client/tcptoolctl/update_flags.h"

namespace tcptool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

v1::SessionSpec Created(const std::string& line) {
  CreateFlags flags;
  CLI::App app;
  AddCreateFlags(app, flags);
  app.parse("--file=files/content " + line);
  return flags.request.session().spec();
}

v1::Recipient Peer(const std::string& address, const std::string& identity) {
  v1::Recipient recipient;
  recipient.set_name("sessions/s/recipients/1");
  recipient.set_address(address);
  recipient.set_identity(identity);
  return recipient;
}

TEST(EncryptionFlagsTest, ContentIsEncryptedIfAFlagSaysSo) {
  EXPECT_FALSE(Created("").has_encryption());
  EXPECT_TRUE(Created("--encrypt").has_encryption());
  EXPECT_THAT(
      Created("--client-name=dns:a.example --client-name=uri:spiffe://b?c=d")
          .encryption()
          .client_names(),
      ElementsAre("dns:a.example", "uri:spiffe://b?c=d"));
}

TEST(EncryptionFlagsTest, OneIsExpectedByAnAddressOrByAName) {
  const v1::SessionSpec spec = Created(
      "--expect=192.0.2.7=gate --expect=2001:db8::7 "
      "--expect=dns:a.example=yard "
      "--expect=cn:b --expect=uri:spiffe://c=roof");
  ASSERT_EQ(spec.expected_size(), 5);
  EXPECT_EQ(spec.expected(0).address(), "192.0.2.7");
  EXPECT_EQ(spec.expected(1).address(), "2001:db8::7");
  EXPECT_EQ(spec.expected(2).identity(), "dns:a.example");
  EXPECT_EQ(spec.expected(2).address(), "");
  EXPECT_EQ(spec.expected(2).label(), "yard");
  EXPECT_EQ(spec.expected(3).identity(), "cn:b");
  EXPECT_EQ(spec.expected(4).identity(), "uri:spiffe://c");

  UpdateFlags update;
  CLI::App app;
  AddUpdateFlags(app, update);
  app.parse("--expect=dns:a.example=yard");
  const v1::SessionSpec& changed = update.request.session().spec();
  ASSERT_EQ(changed.expected_size(), 1);
  EXPECT_EQ(changed.expected(0).identity(), "dns:a.example");
  EXPECT_THAT(update.request.update_mask().paths(),
              ElementsAre("spec.expected"));
}

TEST(EncryptionFlagsTest, IdentitiesHaveAColumnWhereThereAreSome) {
  const v1::Recipient clear = Peer("192.0.2.7:1", "");
  const v1::Recipient named = Peer("", "dns:a.example");
  EXPECT_THAT(RecipientTable({clear}), Not(HasSubstr("IDENTITY")));
  EXPECT_THAT(ProgressTable({clear}, 1), Not(HasSubstr("IDENTITY")));
  EXPECT_THAT(RecipientTable({}), Not(HasSubstr("IDENTITY")));
  for (const std::string& table :
       {RecipientTable({clear, named}), ProgressTable({clear, named}, 1)}) {
    EXPECT_THAT(table, HasSubstr("ADDRESS      IDENTITY       LABEL"));
    EXPECT_THAT(table, HasSubstr("192.0.2.7:1  -              -"));
    EXPECT_THAT(table, HasSubstr("-            dns:a.example  -"));
  }
}

TEST(EncryptionFlagsTest, ARecipientIsWhoItIsByAnyOfBoth) {
  EXPECT_EQ(WhoIs(Peer("192.0.2.7:1", "")), "192.0.2.7:1");
  EXPECT_EQ(WhoIs(Peer("", "cn:a\x1b")), "cn:a?");
  EXPECT_EQ(WhoIs(Peer("192.0.2.7:1", "cn:a")), "192.0.2.7:1 cn:a");
}

TEST(EncryptionFlagsTest, NodesAndSessionsSayHowTheyEncrypt) {
  v1::Node node;
  EXPECT_THAT(NodeDetails(node), Not(HasSubstr("encryption:")));
  node.mutable_data_tls()->set_client_certificates(true);
  EXPECT_THAT(NodeDetails(node),
              HasSubstr("by the service, recipients need certificates"));
  v1::Session session;
  EXPECT_THAT(SessionDetails(session), Not(HasSubstr("encryption:")));
  session.mutable_spec()->mutable_encryption()->add_client_names("cn:a");
  EXPECT_THAT(SessionDetails(session), HasSubstr("TLS, client names: 1"));
}

}  // namespace
}  // namespace tcptool
