// Who gets in by TLS, and who does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <sys/ioctl.h>

#include <array>

#include "tests/dataplane/tls/tls_ends.h"

namespace tcptool::dataplane {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Outcome = TlsConnection::Outcome;

class TlsHandshakeTest : public testing::Test {
 protected:
  const TlsWorld world;
};

TEST_F(TlsHandshakeTest, IsOfTls13WithAes128) {
  TlsEnds ends(world.Server(), world.Client());
  ASSERT_EQ(ends.Handshake(), Outcome::kDone);
  EXPECT_STREQ(SSL_get_version(ends.peer.ssl()), "TLSv1.3");
  EXPECT_STREQ(SSL_get_cipher_name(ends.peer.ssl()), "TLS_AES_128_GCM_SHA256");
  EXPECT_TRUE(ends.tls.ready());
  EXPECT_THAT(ends.tls.names(), IsEmpty());
}

TEST_F(TlsHandshakeTest, RefusesOlderVersions) {
  const Context old = world.Client();
  SSL_CTX_set_min_proto_version(old.get(), 0);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_2_VERSION);
  TlsEnds ends(world.Server(), old);
  EXPECT_EQ(ends.Handshake(), Outcome::kFailed);
  EXPECT_THAT(ends.tls.error(), HasSubstr("TLS 1.3"));
}

TEST_F(TlsHandshakeTest, KnowsTheNamesOfTheClientsCertificate) {
  TlsEnds ends(
      world.Server(true),
      world.Client({.name = "rack 7", .alternatives = "DNS:n7.example"}));
  ASSERT_EQ(ends.Handshake(), Outcome::kDone);
  EXPECT_THAT(ends.tls.names(), ElementsAre("cn:rack 7", "dns:n7.example"));
}

TEST_F(TlsHandshakeTest, LetsInClientsWithoutACertificateUnlessItIsRequired) {
  TlsEnds asked(world.Server(true), world.Client());
  EXPECT_EQ(asked.Handshake(), Outcome::kDone);
  TlsEnds required(world.Server(true), world.Client());
  required.tls.RequireCertificate();
  EXPECT_EQ(required.Handshake(), Outcome::kFailed);
  EXPECT_THAT(required.tls.error(), HasSubstr("has shown no certificate"));
}

TEST_F(TlsHandshakeTest, RefusesCertificatesThatHaveExpired) {
  TlsEnds ends(world.Server(true), world.Client({.name = "late", .days = -1}));
  EXPECT_EQ(ends.Handshake(), Outcome::kFailed);
  EXPECT_THAT(ends.tls.error(), HasSubstr("certificate has expired"));
}

TEST_F(TlsHandshakeTest, RefusesCertificatesOfOtherAuthorities) {
  TlsEnds ends(world.Server(true),
               world.Client(TlsWorld().Issue({.name = "foreign"})));
  EXPECT_EQ(ends.Handshake(), Outcome::kFailed);
  EXPECT_THAT(ends.tls.error(), HasSubstr("certificate is not accepted"));
}

TEST_F(TlsHandshakeTest, SaysWhatWasWrongWithTheCertificateOfOneThatHasLeft) {
  TlsEnds ends(world.Server(true), world.Client({.name = "late", .days = -1}));
  std::thread client([&] {
    EXPECT_TRUE(ends.peer.Handshake());
    ends.peer.peer().Reset();
  });
  EXPECT_TRUE(Eventually([&] {
    int unread = 0;
    return ioctl(ends.socket.get(), FIONREAD, &unread) == 0 && unread > 0;
  }));
  Outcome outcome = ends.tls.Handshake();
  client.join();
  EXPECT_TRUE(
      Eventually([&] { return TcpState(ends.socket.get()) == TCP_CLOSE; }));
  // The certificate may have come before it had looked for it the first time.
  if (outcome == Outcome::kWaitsForInput) outcome = ends.tls.Handshake();
  EXPECT_EQ(outcome, Outcome::kFailed);
  EXPECT_THAT(ends.tls.error(), HasSubstr("certificate has expired"));
}

TEST_F(TlsHandshakeTest, SaysThatTheClientDoesNotTrustTheServer) {
  TlsEnds ends(world.Server(), TlsWorld().Client());
  EXPECT_EQ(ends.Handshake(), Outcome::kFailed);
  EXPECT_THAT(ends.tls.error(), HasSubstr("alert"));
}

TEST_F(TlsHandshakeTest, SaysThatThePortSpeaksTls) {
  for (const unsigned char byte : {0x00, 0x01}) {
    Connection connection = Connect();
    TlsConnection tls(SocketApi::Real(), world.Server(),
                      connection.sender.get(), TlsRole::kServer);
    EXPECT_EQ(tls.Handshake(), Outcome::kWaitsForInput);
    connection.peer->Say(byte);
    ASSERT_TRUE(
        Eventually([&] { return tls.Handshake() != Outcome::kWaitsForInput; }));
    EXPECT_EQ(tls.Handshake(), Outcome::kFailed);
    EXPECT_THAT(tls.error(), HasSubstr("this port speaks"));
  }
}

TEST_F(TlsHandshakeTest, KnowsThatThePeerHasLeft) {
  Connection connection = Connect();
  TlsConnection tls(SocketApi::Real(), world.Server(), connection.sender.get(),
                    TlsRole::kServer);
  connection.peer->Say(0x16);
  connection.peer->Close();
  ASSERT_TRUE(
      Eventually([&] { return tls.Handshake() != Outcome::kWaitsForInput; }));
  EXPECT_EQ(tls.Handshake(), Outcome::kClosed);
}

TEST_F(TlsHandshakeTest, FailsWithoutAContext) {
  Connection connection = Connect();
  TlsConnection tls(SocketApi::Real(), nullptr, connection.sender.get(),
                    TlsRole::kServer);
  EXPECT_EQ(tls.Handshake(), Outcome::kFailed);
  EXPECT_THAT(tls.error(), HasSubstr("no certificate"));
}

// What a client without a socket has to send next.
std::string TakeOutput(BIO* output) {
  std::string bytes(BIO_pending(output), '\0');
  if (!bytes.empty()) BIO_read(output, bytes.data(), bytes.size());
  return bytes;
}

TEST_F(TlsHandshakeTest, ComesInPiecesOfAnySize) {
  Connection connection = Connect();
  TlsConnection tls(SocketApi::Real(), world.Server(), connection.sender.get(),
                    TlsRole::kServer);
  const std::unique_ptr<SSL, void (*)(SSL*)> client(
      SSL_new(world.Client().get()), &SSL_free);
  BIO* const input = BIO_new(BIO_s_mem());
  BIO* const output = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), input, output);
  SSL_set_connect_state(client.get());
  Outcome outcome = Outcome::kWaitsForInput;
  while (outcome == Outcome::kWaitsForInput) {
    if (SSL_do_handshake(client.get()) != 1) ERR_clear_error();
    for (const char byte : TakeOutput(output)) {
      connection.peer->Say(static_cast<unsigned char>(byte));
      outcome = tls.Handshake();
    }
    std::array<char, 4096> answer;
    const ssize_t got =
        recv(connection.peer->fd(), answer.data(), answer.size(), MSG_DONTWAIT);
    if (got > 0) BIO_write(input, answer.data(), static_cast<int>(got));
    // What was sent over loopback may be on its way still.
    if (outcome == Outcome::kWaitsForInput) outcome = tls.Handshake();
  }
  EXPECT_EQ(outcome, Outcome::kDone);
}

// Has a client take itself for one that the server knows from before, of whom
// it takes early data.
int KnowsTheServer(SSL* ssl, const EVP_MD* /*digest*/,
                   const unsigned char** name, size_t* size,
                   SSL_SESSION** known) {
  static constexpr unsigned char kName[] = {'c', 'l', 'i', 'e', 'n', 't'};
  static constexpr unsigned char kKey[32] = {'k', 'e', 'y'};
  static constexpr unsigned char kAes128Gcm[] = {0x13, 0x01};
  *known = SSL_SESSION_new();
  SSL_SESSION_set1_master_key(*known, kKey, sizeof kKey);
  SSL_SESSION_set_cipher(*known, SSL_CIPHER_find(ssl, kAes128Gcm));
  SSL_SESSION_set_protocol_version(*known, TLS1_3_VERSION);
  SSL_SESSION_set_max_early_data(*known, 16 << 10);
  *name = kName;
  *size = sizeof kName;
  return 1;
}

TEST_F(TlsHandshakeTest, EarlyDataIsNoByteOfTheRecipients) {
  const Context client = world.Client();
  SSL_CTX_set_psk_use_session_callback(client.get(), KnowsTheServer);
  TlsEnds ends(world.Server(), client);
  size_t written = 0;
  ASSERT_EQ(SSL_write_early_data(ends.peer.ssl(), "\x01", 1, &written), 1);
  ASSERT_EQ(ends.Handshake(), Outcome::kDone);
  EXPECT_EQ(SSL_get_early_data_status(ends.peer.ssl()),
            SSL_EARLY_DATA_REJECTED);
  ASSERT_TRUE(ends.peer.Say("a"));
  std::array<std::byte, 8> got{};
  EXPECT_EQ(ends.Receive(got), 1);
  EXPECT_EQ(got[0], std::byte{'a'});
}

TEST_F(TlsHandshakeTest, LeavesNothingToResume) {
  TlsEnds ends(world.Server(), world.Client());
  ASSERT_EQ(ends.Handshake(), Outcome::kDone);
  ASSERT_TRUE(ends.Send("content"));
  // Behind any ticket.
  EXPECT_EQ(ends.peer.Read(7).data, "content");
  const SSL_SESSION* const session = SSL_get0_session(ends.peer.ssl());
  EXPECT_EQ(SSL_SESSION_is_resumable(session), 0);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(session), 0u);
}

TEST_F(TlsHandshakeTest, RefusesAClientHelloThatIsTooLarge) {
  Connection connection = Connect();
  TlsConnection tls(SocketApi::Real(), world.Server(), connection.sender.get(),
                    TlsRole::kServer);
  // A record of 4 KiB, whose ClientHello has 128 KiB - 1.
  for (const unsigned char byte :
       {0x16, 0x03, 0x01, 0x10, 0x00, 0x01, 0x01, 0xff, 0xff}) {
    connection.peer->Say(byte);
  }
  ASSERT_TRUE(
      Eventually([&] { return tls.Handshake() != Outcome::kWaitsForInput; }));
  EXPECT_THAT(tls.error(), HasSubstr("16 KiB"));
}

// By the alternative names alone: of its common name "sender" it knows nothing.
TEST_F(TlsHandshakeTest, HasAClientThatKnowsItsServer) {
  const struct {
    const char* expected;
    const char* alternatives;
    bool right;
  } cases[] = {{"sender.example", "DNS:sender.example", true},
               {"other.example", "DNS:sender.example", false},
               {"sender", "", false}};
  for (const auto& [expected, alternatives, right] : cases) {
    Connection connection = Connect();
    const Context context = *NewServerContext(
        world.Issue({.name = "sender", .alternatives = alternatives}), {});
    std::thread server([&, right = right] {
      const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()),
                                                     &SSL_free);
      SSL_set_fd(ssl.get(), connection.peer->fd());
      EXPECT_EQ(SSL_accept(ssl.get()) == 1, right);
      ERR_clear_error();
    });
    TlsConnection tls(SocketApi::Real(), world.Client(),
                      connection.sender.get(), TlsRole::kClient);
    tls.ExpectServer(expected);
    EXPECT_TRUE(
        Eventually([&] { return tls.Handshake() != Outcome::kWaitsForInput; }));
    EXPECT_EQ(tls.ready(), right);
    if (!right) {
      EXPECT_THAT(tls.error(), HasSubstr("hostname mismatch"));
      EXPECT_THAT(tls.names(), IsEmpty());
    } else {
      EXPECT_THAT(tls.names(), ElementsAre("cn:sender", "dns:sender.example"));
    }
    connection.sender = UniqueFd();
    server.join();
  }
}

TEST_F(TlsHandshakeTest, NoServerIsWhatIsNoHost) {
  const TlsWorld world;
  for (const std::string& expected :
       {std::string(".example"), std::string(), std::string(300, 'a')}) {
    const Connection connection = Connect();
    TlsConnection tls(SocketApi::Real(), world.Client(),
                      connection.sender.get(), TlsRole::kClient);
    tls.ExpectServer(expected);
    EXPECT_EQ(tls.Handshake(), Outcome::kFailed);
    EXPECT_THAT(tls.error(), HasSubstr("is no host"));
  }
}

}  // namespace
}  // namespace tcptool::dataplane
