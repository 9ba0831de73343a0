// TLS of content: its files, and what is made of them.
#include "server/security/data_tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "dataplane/tls/kernel_tls.h"
#include "server/base/log.h"
#include "tests/server/certificates.h"

namespace tcptool::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DataTlsTest : public testing::Test {
 protected:
  // Once in a process, as it may be.
  static void SetUpTestSuite() { SetUpLog({.json = true}); }

  DataTlsTest() {
    std::filesystem::remove_all(home);
    std::filesystem::create_directory(home);
    Write(options.cert, ToPem(node.certificate));
    Write(options.key, ToPem(node.key));
  }

  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }

  std::string WhyNot() const {
    return std::string(LoadDataTls(options).status().message());
  }

  void Install(const Issued& issued) const {
    Write(options.cert, ToPem(issued.certificate));
    Write(options.key, ToPem(issued.key));
  }

  template <typename Call>
  static std::string LogOf(Call call) {
    testing::internal::CaptureStderr();
    call();
    FlushLog();
    return testing::internal::GetCapturedStderr();
  }

  const std::string home = absl::StrCat(testing::TempDir(), "/data_tls");
  DataTlsOptions options = {.cert = absl::StrCat(home, "/cert"),
                            .key = absl::StrCat(home, "/key"),
                            .client_ca = ""};
  const TestAuthority authority{"authority"};
  const Issued node = authority.Issue({.name = "node", .days = 3});
};

TEST_F(DataTlsTest, RecipientsAreAskedForCertificatesWhereThereIsAnAuthority) {
  auto tls = LoadDataTls(options);
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_EQ(SSL_CTX_get_verify_mode((*tls)->Current().get()), SSL_VERIFY_NONE);
  options.client_ca = absl::StrCat(home, "/ca");
  Write(options.client_ca, ToPem(authority.certificate()));
  tls = LoadDataTls(options);
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_NE(SSL_CTX_get_verify_mode((*tls)->Current().get()) & SSL_VERIFY_PEER,
            0);
}

TEST_F(DataTlsTest, TheKernelEncryptsOnlyWhereThatIsAskedForAndItCan) {
  for (const bool asked : {false, true}) {
    options.in_kernel = asked;
    const auto tls = LoadDataTls(options);
    ASSERT_TRUE(tls.ok()) << tls.status();
    const uint64_t set = SSL_CTX_get_options((*tls)->Current().get());
    EXPECT_EQ((set & SSL_OP_ENABLE_KTLS) != 0, asked);
    EXPECT_EQ(UsesKernelTls(options), asked && dataplane::HasKernelTls());
  }
}

TEST_F(DataTlsTest, NamesTheFlagAndTheFileThatIsWrong) {
  const std::string absent = absl::StrCat(home, "/absent");
  DataTlsOptions right = options;
  options.cert = absent;
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--data-tls-cert"), HasSubstr(absent)));
  options = right;
  options.key = absent;
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--data-tls-key"), HasSubstr(absent)));
  options = right;
  options.client_ca = absent;
  EXPECT_THAT(WhyNot(),
              AllOf(HasSubstr("--data-tls-client-ca"), HasSubstr(absent)));
  options = right;
  Write(options.key, ToPem(authority.Issue({.name = "other"}).key));
  EXPECT_THAT(WhyNot(), HasSubstr("--data-tls-key"));
  options = right;
  options.client_ca = options.key;
  Write(options.key, ToPem(node.key));
  EXPECT_THAT(WhyNot(), HasSubstr("--data-tls-client-ca"));
  // Nobody would be asked for a certificate.
  options.client_ca = absl::StrCat(home, "/empty");
  Write(options.client_ca, "");
  EXPECT_THAT(WhyNot(),
              AllOf(HasSubstr("--data-tls-client-ca"), HasSubstr("is empty")));
}

TEST_F(DataTlsTest, SaysUntilWhenTheCertificateInUseIsValid) {
  auto tls = LoadDataTls(options);
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_LT(absl::AbsDuration(CertificateExpiry(**tls) - absl::Now() -
                              absl::Hours(72)),
            absl::Hours(1));
  const Issued renewed = authority.Issue({.name = "node", .days = 30});
  Write(options.cert, ToPem(renewed.certificate));
  Write(options.key, ToPem(renewed.key));
  (*tls)->ReloadIfChanged();
  EXPECT_LT(absl::AbsDuration(CertificateExpiry(**tls) - absl::Now() -
                              absl::Hours(720)),
            absl::Hours(1));
}

TEST_F(DataTlsTest, WarnsEachTimeThatItReadsACertificateThatIsNotValid) {
  const std::string warning = "\"data_certificate_not_valid\"";
  const Issued old = authority.Issue({.name = "node", .days = -1});
  std::unique_ptr<TlsContext> tls;
  const auto load = [&] { tls = *LoadDataTls(options); };
  const auto reload = [&] { tls->ReloadIfChanged(); };
  EXPECT_THAT(LogOf(load), Not(HasSubstr(warning)));
  Install(old);
  EXPECT_THAT(LogOf(reload),
              AllOf(HasSubstr(warning), HasSubstr(options.cert),
                    HasSubstr("has expired on"), HasSubstr("tls_reloaded")));
  EXPECT_THAT(LogOf(reload), Not(HasSubstr(warning)));
  EXPECT_THAT(LogOf(load), HasSubstr(warning));
  Install(node);
  EXPECT_THAT(LogOf(reload), Not(HasSubstr(warning)));
}

TEST_F(DataTlsTest, KeepsWhatItHasUntilTheFilesFitTogether) {
  auto tls = LoadDataTls(options);
  ASSERT_TRUE(tls.ok()) << tls.status();
  const absl::Time before = CertificateExpiry(**tls);
  const Issued renewed = authority.Issue({.name = "node", .days = 30});
  Write(options.key, ToPem(renewed.key));
  (*tls)->ReloadIfChanged();
  EXPECT_EQ(CertificateExpiry(**tls), before);
  Write(options.cert, ToPem(renewed.certificate));
  (*tls)->ReloadIfChanged();
  EXPECT_GT(CertificateExpiry(**tls), before);
}

TEST_F(DataTlsTest, TakesAnotherAuthorityOfRecipients) {
  options.client_ca = absl::StrCat(home, "/ca");
  Write(options.client_ca, ToPem(authority.certificate()));
  auto tls = LoadDataTls(options);
  ASSERT_TRUE(tls.ok()) << tls.status();
  const TestAuthority successor("successor");
  Write(options.client_ca, ToPem(successor.certificate()));
  (*tls)->ReloadIfChanged();
  const std::shared_ptr<SSL_CTX> context = (*tls)->Current();
  const STACK_OF(X509_NAME)* const asked_for =
      SSL_CTX_get_client_CA_list(context.get());
  ASSERT_EQ(sk_X509_NAME_num(asked_for), 1);
  EXPECT_EQ(X509_NAME_cmp(sk_X509_NAME_value(asked_for, 0),
                          X509_get_subject_name(successor.certificate().get())),
            0);
}

}  // namespace
}  // namespace tcptool::server
