#include "dataplane/tls/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/dataplane/tls/tls_peer.h"

namespace tcptool::dataplane {
namespace {

using testing::HasSubstr;

class TlsContextTest : public testing::Test {
 protected:
  // Why there is no context.
  std::string Error(const TlsIdentity& identity,
                    const PemText& authorities = {}) {
    const auto context = NewServerContext(identity, authorities);
    EXPECT_EQ(context.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(context.status().message());
  }

  const TlsWorld world;
  TlsIdentity identity = world.Issue({.name = "sender"});
};

TEST_F(TlsContextTest, IsMadeOfTexts) {
  EXPECT_TRUE(NewServerContext(identity, {}).ok());
  EXPECT_TRUE(NewServerContext(identity, world.Authority()).ok());
  EXPECT_TRUE(NewClientContext(world.Authority(), identity).ok());
  EXPECT_TRUE(NewClientContext({}, {}).ok());
}

TEST_F(TlsContextTest, TheKernelEncryptsOnlyWhereThatIsAskedFor) {
  const auto in_kernel = [](const absl::StatusOr<Context>& context) {
    return (SSL_CTX_get_options(context->get()) & SSL_OP_ENABLE_KTLS) != 0;
  };
  EXPECT_TRUE(in_kernel(NewServerContext(identity, {}, true)));
  EXPECT_TRUE(in_kernel(NewServerContext(identity, world.Authority(), true)));
  EXPECT_FALSE(in_kernel(NewServerContext(identity, {})));
  EXPECT_FALSE(in_kernel(NewServerContext(identity, world.Authority())));
  EXPECT_FALSE(in_kernel(NewClientContext(world.Authority(), identity)));
}

TEST_F(TlsContextTest, NamesTheTextThatIsWrong) {
  EXPECT_THAT(
      Error({.certificate = {"certificate", "none"}, .key = identity.key}),
      HasSubstr("certificate: has no certificate in PEM"));
  EXPECT_THAT(
      Error({.certificate = identity.certificate, .key = {"key", "none"}}),
      HasSubstr("key: has no private key"));
  EXPECT_THAT(Error({.certificate = identity.certificate,
                     .key = world.Issue({.name = "other"}).key}),
              HasSubstr("key: is not the key of the certificate"));
  EXPECT_THAT(Error(identity, {"authority", "none"}),
              HasSubstr("authority: has no certificate in PEM"));
}

TEST_F(TlsContextTest, TakesAllCertificatesOfATextOrNone) {
  const auto two = [](const PemText& text) { return text.text + text.text; };
  PemText authorities = world.Authority();
  authorities.text = two(authorities) + "and words behind them";
  EXPECT_TRUE(NewServerContext(identity, authorities).ok());
  // One that is being written.
  PemText cut = world.Authority();
  cut.text = two(cut);
  cut.text.resize(cut.text.size() - 100);
  EXPECT_THAT(Error(identity, cut),
              HasSubstr("authority: certificate 2 in it is broken"));
  PemText broken = world.Authority();
  broken.text +=
      "-----BEGIN CERTIFICATE-----\n"
      "AAAA\n"
      "-----END CERTIFICATE-----\n" +
      world.Authority().text;
  EXPECT_THAT(Error(identity, broken),
              HasSubstr("authority: certificate 2 in it is broken"));
  // And so of those that vouch for its own.
  TlsIdentity chain = identity;
  chain.certificate.text += cut.text;
  EXPECT_THAT(Error(chain), HasSubstr("certificate 3 in it is broken"));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_F(TlsContextTest, TakesNoKeyWithAPassphrase) {
  const server::Issued issued =
      server::TestAuthority("authority").Issue({.name = "sender"});
  EXPECT_THAT(
      Error({.certificate = {"certificate", server::ToPem(issued.certificate)},
             .key = {"key", server::ToPem(issued.key, "secret")}}),
      HasSubstr("key: has no private key in PEM without a passphrase"));
}

TEST_F(TlsContextTest, LeavesNoErrorOfOpenSslBehind) {
  Error({.certificate = {"certificate", "none"}, .key = identity.key});
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace tcptool::dataplane
