#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/security/control_tls.h"
#include "tests/server/certificates.h"

namespace tcptool::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TlsContextTest : public testing::Test {
 protected:
  TlsContextTest() {
    std::filesystem::remove_all(home);
    std::filesystem::create_directory(home);
    Write(options.tls_cert, ToPem(first.certificate));
    Write(options.tls_key, ToPem(first.key));
  }

  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }

  std::string WhyNot() const {
    return std::string(LoadControlTls(options).status().message());
  }

  std::unique_ptr<TlsContext> Load() {
    auto loaded = LoadControlTls(options);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return *std::move(loaded);
  }

  // What it shows to new clients.
  static bool Shows(const TlsContext& tls, const Issued& issued) {
    return X509_cmp(SSL_CTX_get0_certificate(tls.Current().get()),
                    issued.certificate.get()) == 0;
  }

  const std::string home = absl::StrCat(testing::TempDir(), "/tls");
  SecurityOptions options = {.tls_cert = absl::StrCat(home, "/cert"),
                             .tls_key = absl::StrCat(home, "/key")};
  const TestAuthority authority{"authority"};
  const Issued first = authority.Issue({.name = "first"});
  const Issued second = authority.Issue({.name = "second"});
};

TEST_F(TlsContextTest, NamesTheFlagAndTheFileThatIsMissing) {
  for (std::string* const file : {&options.tls_cert, &options.tls_key}) {
    const std::string there = std::exchange(*file, absl::StrCat(home, "/no"));
    EXPECT_THAT(
        WhyNot(),
        AllOf(HasSubstr(file == &options.tls_cert ? "--tls-cert" : "--tls-key"),
              HasSubstr(*file), HasSubstr("No such file or directory")));
    *file = home;
    EXPECT_THAT(WhyNot(), HasSubstr("Is a directory"));
    *file = there;
  }
  options.tls_client_ca = absl::StrCat(home, "/no");
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--tls-client-ca"),
                              HasSubstr("No such file or directory")));
}

TEST_F(TlsContextTest, SaysWhatIsWrongWithAFile) {
  Write(options.tls_cert, ToPem(first.key));
  EXPECT_THAT(WhyNot(), HasSubstr("has no certificate in PEM"));
  Write(options.tls_cert, std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(WhyNot(), HasSubstr("is larger than 1 MiB"));
  Write(options.tls_cert, ToPem(first.certificate));
  Write(options.tls_key, ToPem(first.certificate));
  EXPECT_THAT(WhyNot(), HasSubstr("has no private key in PEM"));
  Write(options.tls_key, ToPem(first.key, "secret"));
  EXPECT_THAT(WhyNot(), HasSubstr("without a passphrase"));
  Write(options.tls_key, ToPem(second.key));
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("is not the key of the certificate in"),
                              HasSubstr(options.tls_cert)));
  Write(options.tls_key, ToPem(first.key));
  options.tls_client_ca = options.tls_key;
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--tls-client-ca"),
                              HasSubstr("has no certificate in PEM")));
}

TEST_F(TlsContextTest, ShowsTheWholeChain) {
  const TestAuthority below("below", authority);
  const Issued issued = below.Issue({.name = "third"});
  Write(options.tls_cert,
        absl::StrCat(ToPem(issued.certificate), ToPem(below.certificate())));
  Write(options.tls_key, ToPem(issued.key));
  const auto tls = Load();
  EXPECT_TRUE(Shows(*tls, issued));
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(tls->Current().get(), &chain);
  ASSERT_EQ(sk_X509_num(chain), 1);
  EXPECT_EQ(X509_cmp(sk_X509_value(chain, 0), below.certificate().get()), 0);
}

TEST_F(TlsContextTest, WantsAClientsCertificateOnlyWhereThereIsAnAuthority) {
  EXPECT_EQ(SSL_CTX_get_verify_mode(Load()->Current().get()), SSL_VERIFY_NONE);
  options.tls_client_ca = absl::StrCat(home, "/ca");
  Write(options.tls_client_ca, ToPem(authority.certificate()));
  EXPECT_EQ(SSL_CTX_get_verify_mode(Load()->Current().get()),
            SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
  options.token_file = "tokens";
  EXPECT_EQ(SSL_CTX_get_verify_mode(Load()->Current().get()), SSL_VERIFY_PEER);
  options.tls_require_client_cert = true;
  EXPECT_EQ(SSL_CTX_get_verify_mode(Load()->Current().get()),
            SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
}

TEST_F(TlsContextTest, TakesNewFilesOnceTheyBelongTogether) {
  const auto tls = Load();
  const std::shared_ptr<SSL_CTX> before = tls->Current();
  tls->ReloadIfChanged();
  EXPECT_EQ(tls->Current(), before);
  // Whichever is replaced first.
  Write(options.tls_key, ToPem(second.key));
  tls->ReloadIfChanged();
  EXPECT_EQ(tls->Current(), before);
  Write(options.tls_cert, ToPem(second.certificate));
  tls->ReloadIfChanged();
  EXPECT_TRUE(Shows(*tls, second));
  Write(options.tls_cert, ToPem(first.certificate));
  tls->ReloadIfChanged();
  EXPECT_TRUE(Shows(*tls, second));
  Write(options.tls_key, ToPem(first.key));
  tls->ReloadIfChanged();
  EXPECT_TRUE(Shows(*tls, first));
}

TEST_F(TlsContextTest, GoesOnWithWhatItHasWhileAFileIsGone) {
  options.tls_client_ca = absl::StrCat(home, "/ca");
  Write(options.tls_client_ca, ToPem(authority.certificate()));
  const auto tls = Load();
  for (const std::string& file :
       {options.tls_cert, options.tls_key, options.tls_client_ca}) {
    const std::shared_ptr<SSL_CTX> before = tls->Current();
    std::filesystem::rename(file, file + ".gone");
    tls->ReloadIfChanged();
    EXPECT_EQ(tls->Current(), before);
    std::filesystem::rename(file + ".gone", file);
    tls->ReloadIfChanged();
    EXPECT_EQ(tls->Current(), before);
  }
  const std::shared_ptr<SSL_CTX> before = tls->Current();
  Write(options.tls_client_ca, ToPem(TestAuthority("other").certificate()));
  tls->ReloadIfChanged();
  EXPECT_NE(tls->Current(), before);
}

}  // namespace
}  // namespace tcptool::server
