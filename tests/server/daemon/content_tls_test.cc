// The certificate of content while its files change.
#include "server/daemon/content_tls.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/server/certificates.h"

namespace tcptool::server {
namespace {

class ContentTlsTest : public testing::Test {
 protected:
  ContentTlsTest() {
    std::filesystem::remove_all(home);
    std::filesystem::create_directory(home);
  }

  void Write(const Issued& issued) const {
    std::ofstream(options.key) << ToPem(issued.key);
    std::ofstream(options.cert) << ToPem(issued.certificate);
  }

  static bool Shows(const DataTlsRules& rules, const Issued& issued) {
    const std::shared_ptr<SSL_CTX> context = rules.context();
    return X509_cmp(SSL_CTX_get0_certificate(context.get()),
                    issued.certificate.get()) == 0;
  }

  const std::string home = absl::StrCat(testing::TempDir(), "/content_tls");
  DataTlsOptions options = {.cert = absl::StrCat(home, "/cert"),
                            .key = absl::StrCat(home, "/key"),
                            .client_ca = ""};
  const TestAuthority authority{"authority"};
  const Issued first = authority.Issue({.name = "first"});
  const Issued second = authority.Issue({.name = "second"});
};

TEST_F(ContentTlsTest, NewConnectionsGetWhatTheFilesHave) {
  Write(first);
  auto tls = ContentTls::Start(options);
  ASSERT_TRUE(tls.ok()) << tls.status();
  const DataTlsRules rules = (*tls)->rules();
  EXPECT_FALSE(rules.client_certificates);
  EXPECT_TRUE(Shows(rules, first));
  Write(second);
  // Bazel's limit of time is that of the wait.
  while (!Shows(rules, second)) absl::SleepFor(absl::Milliseconds(10));
  // Sessions may ask at the stop still.
  tls->reset();
  EXPECT_TRUE(Shows(rules, second));
}

TEST_F(ContentTlsTest, RecipientsNeedCertificatesWhereAnAuthorityIsNamed) {
  Write(first);
  options.client_ca = absl::StrCat(home, "/ca");
  EXPECT_TRUE(absl::IsInvalidArgument(ContentTls::Start(options).status()));
  std::ofstream(options.client_ca) << ToPem(authority.certificate());
  const auto tls = ContentTls::Start(options);
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_TRUE((*tls)->rules().client_certificates);
}

}  // namespace
}  // namespace tcptool::server
