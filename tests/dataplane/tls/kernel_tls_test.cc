// The kernel's TLS: used where it is asked for and there, and what is
// acknowledged then.
#include "dataplane/tls/kernel_tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/dataplane/tls/tls_ends.h"

namespace tcptool::dataplane {
namespace {

using testing::HasSubstr;

class KernelTlsTest : public testing::Test {
 protected:
  std::unique_ptr<TlsEnds> Ready(bool in_kernel) {
    const Context server =
        *NewServerContext(world.Issue({.name = "sender"}), {}, in_kernel);
    auto ends = std::make_unique<TlsEnds>(server, world.Client());
    EXPECT_EQ(ends->Handshake(), TlsConnection::Outcome::kDone);
    return ends;
  }

  const TlsWorld world;
};

TEST_F(KernelTlsTest, SocketsWithoutItsKeyHaveNoRecords) {
  EXPECT_LT(KernelTlsRecords(Ready(false)->socket.get()), 0);
}

TEST_F(KernelTlsTest, EncryptsWhereItIsAskedToAndThereAndElseTheServiceDoes) {
  const std::string content = Content(5'000'003);
  for (const bool asked : {false, true}) {
    const auto ends = Ready(asked);
    EXPECT_EQ(ends->tls.is_in_kernel(), asked && HasKernelTls());
    TlsPeer::Result got;
    std::thread reads([&] { got = ends->peer.Read(); });
    EXPECT_TRUE(ends->Send(content, 77'777));
    const auto none_is_in_flight = [&] {
      return ends->tls.Unacknowledged(ends->socket.get()) == 0;
    };
    EXPECT_TRUE(Eventually(none_is_in_flight));
    EXPECT_EQ(ends->Info().bytes_acked, content.size());
    EXPECT_EQ(ends->tls.ShutdownWrite(ends->socket.get()), 0);
    EXPECT_TRUE(Eventually(none_is_in_flight));
    reads.join();
    EXPECT_TRUE(got.data == content);
    EXPECT_TRUE(got.whole);
  }
}

TEST_F(KernelTlsTest, PeersThatAskForNewKeysFail) {
  if (!HasKernelTls()) GTEST_SKIP() << "this kernel has no TLS";
  const auto ends = Ready(true);
  ASSERT_EQ(SSL_key_update(ends->peer.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
  ASSERT_EQ(SSL_do_handshake(ends->peer.ssl()), 1);
  EXPECT_EQ(ends->Receive(), -EPROTO);
  EXPECT_THAT(ends->tls.error(), HasSubstr("new keys"));
}

}  // namespace
}  // namespace tcptool::dataplane
