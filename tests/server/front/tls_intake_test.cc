// How much of a handshake OpenSSL is given.
#include "server/front/tls_intake.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/server/front/client_streams.h"

namespace tcptool::server {
namespace {

using Result = ClientStream::Result;

// The beginning of a record (RFC 8446, section 5.1) with that of a ClientHello
// of 128,000 bytes (section 4).
constexpr absl::string_view kHugeHello("\x16\x03\x01\x40\x00\x01\x01\xf4\x00",
                                       9);
constexpr absl::string_view kNoHello =
    "the client sends no ClientHello of at most 16 KiB";

class TlsIntakeTest : public ClientStreamTest {
 protected:
  // The client has offered a key, but the server takes only those of a kind
  // that it has to ask for (HelloRetryRequest).
  ClientStream NewStreamThatAsksForAnotherKey() {
    SSL_CTX_set1_groups_list(client_context.get(), "X25519:P-256");
    NewStream();
    SSL_CTX_set1_groups_list(tls->Current().get(), "P-256");
    return ClientStream(ours.get(), tls->Current().get());
  }

  // Of which the ClientHello has 15 KiB.
  void UseManyProtocols() {
    std::string protocols("\x02h2");
    while (protocols.size() < 15 << 10) {
      absl::StrAppend(&protocols, "\xff", std::string(255, 'x'));
    }
    SSL_CTX_set_alpn_protos(
        client_context.get(),
        reinterpret_cast<const unsigned char*>(protocols.data()),
        static_cast<unsigned int>(protocols.size()));
  }
};

// OpenSSL would set memory aside for all that is announced.
TEST_F(TlsIntakeTest, TakesNoClientHelloThatIsTooLarge) {
  ClientStream stream = NewStream();
  Send(clients, kHugeHello);
  std::array<char, 1> byte{};
  EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kLost);
  EXPECT_EQ(stream.error(), kNoHello);
}

TEST_F(TlsIntakeTest, TakesNoMessageThatIsNoClientHello) {
  ClientStream stream = NewStream();
  // A Certificate.
  Send(clients, absl::string_view("\x16\x03\x01\x40\x00\x0b\x00\x3f\xfc", 9));
  std::array<char, 1> byte{};
  EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kLost);
  EXPECT_EQ(stream.error(), kNoHello);
}

// So a large ClientHello cannot come behind one.
TEST_F(TlsIntakeTest, TakesNoAlertBeforeAClientHello) {
  ClientStream stream = NewStream();
  Send(clients, absl::string_view("\x15\x03\x01\x00\x02\x01\x5a", 7));
  std::array<char, 1> byte{};
  EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kLost);
}

TEST_F(TlsIntakeTest, TakesNoSecondClientHelloThatIsTooLarge) {
  for (const bool huge : {false, true}) {
    Connect();
    ClientStream stream = NewStreamThatAsksForAnotherKey();
    SSL_do_handshake(client.get());
    std::array<char, 1> byte{};
    ASSERT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kWaitsForInput);
    if (huge) {
      Send(clients, kHugeHello);
      EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kLost);
      EXPECT_EQ(stream.error(), kNoHello);
    } else {
      EXPECT_EQ(Handshake(stream).result, Result::kWaitsForInput);
      EXPECT_TRUE(stream.ready());
    }
  }
}

// However it comes, and with much in it, as of a client that knows many
// protocols.
TEST_F(TlsIntakeTest, TakesALargeClientHelloByteByByte) {
  UseManyProtocols();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_CTX_set_max_proto_version(client_context.get(), version);
    Connect();
    ClientStream stream = NewStream();
    BIO* const sent = BIO_new(BIO_s_mem());
    SSL_set0_wbio(client.get(), sent);
    SSL_do_handshake(client.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(sent, &data);
    EXPECT_GT(size, 15'000);
    std::array<char, 1> byte{};
    for (const char each : std::string(data, static_cast<size_t>(size))) {
      Send(clients, absl::string_view(&each, 1));
      ASSERT_EQ(stream.Read(absl::MakeSpan(byte)).result,
                Result::kWaitsForInput)
          << stream.error();
    }
    SSL_set_fd(client.get(), clients.get());
    EXPECT_EQ(Handshake(stream).result, Result::kWaitsForInput);
    EXPECT_TRUE(stream.ready()) << stream.error();
    EXPECT_EQ(SSL_version(client.get()), version);
  }
}

// OpenSSL keeps what has come of it.
TEST_F(TlsIntakeTest, TakesNoHandshakeThatIsTooLarge) {
  UseManyProtocols();
  UseClientAuthority(/*required=*/true);
  const Issued otto =
      authority.Issue({.name = "otto", .purpose = "clientAuth"});
  ShowCertificate(otto);
  // The chain is one that would be taken.
  const int size = i2d_X509(otto.certificate.get(), nullptr);
  ASSERT_GT(size, 0);
  for (int chain = 0; chain < 24 << 10; chain += size) {
    SSL_CTX_add1_chain_cert(client_context.get(), otto.certificate.get());
  }
  ExpectRefused("32 KiB");
}

}  // namespace
}  // namespace tcptool::server
