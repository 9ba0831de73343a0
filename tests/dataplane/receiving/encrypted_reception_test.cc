// A reception whose content comes in TLS: it goes on after a cut, and ends so
// that the sender knows of it.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "tests/dataplane/blocking_tls.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

// Each connection that is asked for is a socket's, with its handshake to be
// done by then: by the test's thread and the lane's in turn.
class EncryptedUpstream : public Upstream {
 public:
  EncryptedUpstream(const ScriptedSender& sender,
                    std::shared_ptr<SSL_CTX> client,
                    std::shared_ptr<ScriptedUpstream::Script> script)
      : plain_(sender, script), client_(std::move(client)) {}

  bool resumable() const override { return true; }
  void Connect(Lane& lane, uint64_t offset, const absl::Status& lost,
               Done done) override {
    plain_.Connect(
        lane, offset, lost,
        [this, &lane, done = std::move(done)](
            absl::StatusOr<UpstreamConnection> connection) mutable {
          auto tls = std::make_unique<TlsConnection>(lane.sockets(), client_,
                                                     connection->socket.get(),
                                                     TlsRole::kClient);
          // The test's thread does its part meanwhile.
          TlsConnection::Outcome outcome = tls->Handshake();
          while (outcome == TlsConnection::Outcome::kWaitsForInput) {
            pollfd input = {
                .fd = connection->socket.get(), .events = POLLIN, .revents = 0};
            poll(&input, 1, -1);
            outcome = tls->Handshake();
          }
          EXPECT_EQ(outcome, TlsConnection::Outcome::kDone) << tls->error();
          connection->tls = std::move(tls);
          done(std::move(connection));
        });
  }
  void Cancel() override {}

 private:
  ScriptedUpstream plain_;
  const std::shared_ptr<SSL_CTX> client_;
};

class EncryptedReceptionTest : public ResumableReceptionTest {
 protected:
  void Begin() {
    one_ = std::make_unique<OneReception>(
        std::make_unique<EncryptedUpstream>(sender_, client_, script_), folder_,
        ReceptionOptions());
  }
  // The sender's end of the next connection.
  std::unique_ptr<BlockingTls> Accept() {
    asked_ = ResumableReceptionTest::Accept();
    auto sender = std::make_unique<BlockingTls>(sender_.Release(), server_,
                                                TlsRole::kServer);
    EXPECT_EQ(sender->Handshake(), BlockingTls::Outcome::kDone)
        << sender->tls().error();
    return sender;
  }

  const server::TestAuthority authority_{"authority"};
  const std::shared_ptr<SSL_CTX> server_ =
      ServerOf(authority_, authority_.Issue({.name = "parent"}));
  const std::shared_ptr<SSL_CTX> client_ =
      ClientOf(authority_, authority_.Issue({.name = "child"}));
  ScriptedUpstream::Asked asked_;
};

// What ends a connection in TLS are bytes: one that is closed before they have
// been read would be reset, and the sender would not know of the delivery.
TEST_F(EncryptedReceptionTest, SenderThatEndsIsToldOfTheEndAndNotReset) {
  Begin();
  const auto sender = Accept();
  Announce(LongContent());
  ASSERT_TRUE(sender->Send(LongContent()));
  sender->End();
  const Peer::Result end = sender->Read();
  EXPECT_EQ(end.error, 0);
  EXPECT_EQ(end.data, "");
  ExpectWhole();
}

TEST_F(EncryptedReceptionTest, SenderThatEndsLaterIsToldToo) {
  Begin();
  const auto sender = Accept();
  Announce(LongContent());
  ASSERT_TRUE(sender->Send(LongContent()));
  // The reception does not wait for the sender.
  ExpectWhole();
  EXPECT_EQ(sender->Read().error, 0);
  sender->End();
}

TEST_F(EncryptedReceptionTest, CutIsALossAndGoesOnElsewhere) {
  Begin();
  {
    const auto sender = Accept();
    ASSERT_TRUE(sender->Send(LongContent().substr(0, 2 * kManifestBlock + 77)));
    ASSERT_TRUE(WaitForBytes(2 * kManifestBlock + 77));
    sender->Cut();
    EXPECT_NE(sender->Read().error, 0);
  }
  const auto sender = Accept();
  EXPECT_EQ(asked_.offset, 2 * kManifestBlock);
  EXPECT_TRUE(absl::IsUnavailable(asked_.lost)) << asked_.lost;
  Announce(LongContent());
  ASSERT_TRUE(sender->Send(LongContent().substr(2 * kManifestBlock)));
  ExpectWhole();
}

}  // namespace
}  // namespace tcptool::dataplane
