#include "dataplane/tls/validity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "dataplane/tls/tls_context.h"
#include "tests/server/certificates.h"

namespace tcptool::dataplane {
namespace {

using testing::EndsWith;
using testing::StartsWith;

absl::Status Check(const server::Issued& issued) {
  const auto context = NewServerContext(
      {.certificate = {.name = "cert",
                       .text = server::ToPem(issued.certificate)},
       .key = {.name = "key", .text = server::ToPem(issued.key)}},
      {});
  EXPECT_TRUE(context.ok()) << context.status();
  return CheckIsValidNow(**context, "--cert file");
}

TEST(ValidityTest, SaysSinceOrUntilWhenACertificateIsNotValid) {
  const server::TestAuthority authority("authority");
  EXPECT_TRUE(Check(authority.Issue({.name = "good"})).ok());
  const absl::Status expired =
      Check(authority.Issue({.name = "old", .days = -1}));
  EXPECT_EQ(expired.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(expired.message()),
              StartsWith("--cert file has expired on "));
  EXPECT_THAT(std::string(expired.message()),
              EndsWith(" GMT; renew it, or set this host's clock"));
  const server::Issued early = authority.Issue({.name = "new"});
  X509_gmtime_adj(X509_getm_notBefore(early.certificate.get()), 12L * 60 * 60);
  EXPECT_THAT(std::string(Check(early).message()),
              StartsWith("--cert file is not valid until "));
}

TEST(ValidityTest, NothingIsWrongWithoutACertificate) {
  const auto context = NewClientContext({}, {});
  ASSERT_TRUE(context.ok()) << context.status();
  EXPECT_TRUE(CheckIsValidNow(**context, "--cert file").ok());
}

}  // namespace
}  // namespace tcptool::dataplane
