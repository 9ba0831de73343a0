#include "dataplane/tls/certificate_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/certificates.h"

namespace tcptool::dataplane {
namespace {

using server::TestAuthority;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> NamesOf(const TestAuthority::Request& request) {
  return CertificateNames(
      *TestAuthority("authority").Issue(request).certificate);
}

TEST(CertificateNamesTest, HasTheCommonNameThenDnsNamesThenUris) {
  EXPECT_THAT(NamesOf({.name = "otto",
                       .alternatives = "URI:spiffe://x/a,DNS:otto.example,"
                                       "URI:spiffe://x/b,DNS:*.example"}),
              ElementsAre("cn:otto", "dns:otto.example", "dns:*.example",
                          "uri:spiffe://x/a", "uri:spiffe://x/b"));
}

TEST(CertificateNamesTest, HasNoOtherKindsOfNames) {
  EXPECT_THAT(NamesOf({.alternatives = "email:otto@example,IP:192.0.2.1,"
                                       "otherName:1.2.3.4;UTF8:otto"}),
              IsEmpty());
  EXPECT_THAT(NamesOf({.name = "otto"}), ElementsAre("cn:otto"));
}

TEST(CertificateNamesTest, KeepsWhatIsBehindANul) {
  EXPECT_THAT(NamesOf({.name = std::string("otto\0.evil", 10)}),
              ElementsAre(std::string("cn:otto\0.evil", 13)));
}

TEST(CertificateNamesTest, HasUtf8WhateverTheCertificateHas) {
  EXPECT_THAT(NamesOf({.name = "Jürgen"}), ElementsAre("cn:Jürgen"));
}

}  // namespace
}  // namespace tcptool::dataplane
