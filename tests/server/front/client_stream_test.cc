#include "server/front/client_stream.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/base/unique_fd.h"
#include "tests/server/front/client_streams.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;
using Result = ClientStream::Result;

constexpr unsigned char kHttp1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// More than there is room for between the two, no part like another.
std::string MuchContent() {
  std::string content;
  for (int i = 0; content.size() < 4 << 20; ++i) absl::StrAppend(&content, i);
  return content;
}

TEST_F(ClientStreamTest, IsReadyAtOnceInClearText) {
  ClientStream stream(ours.get(), nullptr);
  EXPECT_TRUE(stream.ready());
  EXPECT_EQ(stream.certificate(), nullptr);
  std::array<char, 10> bytes{};
  EXPECT_EQ(stream.Read(absl::MakeSpan(bytes)).result, Result::kWaitsForInput);
  Send(clients, "hello");
  const ClientStream::Moved moved = stream.Read(absl::MakeSpan(bytes));
  EXPECT_EQ(moved.result, Result::kDone);
  EXPECT_EQ(absl::string_view(bytes.data(), moved.bytes), "hello");
  while (stream.Write(std::string(1 << 16, 'x')).result == Result::kDone) {
  }
  EXPECT_EQ(stream.Write("x").result, Result::kWaitsForRoom);
  shutdown(clients.get(), SHUT_WR);
  EXPECT_EQ(stream.Read(absl::MakeSpan(bytes)).result, Result::kEnd);
  clients = UniqueFd();
  EXPECT_EQ(stream.Write("x").result, Result::kLost);
  EXPECT_EQ(stream.error(), std::strerror(EPIPE));
}

TEST_F(ClientStreamTest, MovesWhatTlsHides) {
  ClientStream stream = NewStream();
  EXPECT_EQ(Handshake(stream).result, Result::kWaitsForInput);
  EXPECT_TRUE(stream.ready());
  EXPECT_EQ(stream.certificate(), nullptr);
  EXPECT_EQ(SSL_version(client.get()), TLS1_3_VERSION);
  ASSERT_EQ(SSL_write(client.get(), "hello", 5), 5);
  std::array<char, 10> bytes{};
  const ClientStream::Moved moved = stream.Read(absl::MakeSpan(bytes));
  EXPECT_EQ(absl::string_view(bytes.data(), moved.bytes), "hello");
  EXPECT_EQ(stream.Write("you").bytes, 3);
  EXPECT_EQ(SSL_read(client.get(), bytes.data(), bytes.size()), 3);
}

TEST_F(ClientStreamTest, GoesOnWhereThereWasNoRoom) {
  ClientStream stream = NewStream();
  ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
  const std::string content = MuchContent();
  std::string received;
  std::array<char, 1 << 16> piece{};
  bool waited = false;
  size_t sent = 0;
  while (received.size() < content.size()) {
    while (sent < content.size()) {
      // Elsewhere each time, which OpenSSL has to be told to allow.
      const ClientStream::Moved moved = stream.Write(content.substr(sent));
      if (moved.result == Result::kWaitsForRoom) {
        waited = true;
        break;
      }
      ASSERT_EQ(moved.result, Result::kDone) << stream.error();
      sent += moved.bytes;
    }
    int count = 0;
    while ((count = SSL_read(client.get(), piece.data(), piece.size())) > 0) {
      received.append(piece.data(), static_cast<size_t>(count));
    }
    ASSERT_EQ(SSL_get_error(client.get(), count), SSL_ERROR_WANT_READ);
  }
  EXPECT_EQ(received, content);
  EXPECT_TRUE(waited);
}

TEST_F(ClientStreamTest, ReadsManyRecordsWhicheverWayTheyAreCut) {
  for (const bool much : {false, true}) {
    Connect();
    ClientStream stream = NewStream();
    ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
    if (much) stream.ExpectMuch();
    SSL_set_mode(client.get(), SSL_MODE_ENABLE_PARTIAL_WRITE);
    const std::string content = MuchContent();
    std::string received;
    std::vector<char> into(100'000);
    size_t sent = 0;
    while (received.size() < content.size()) {
      if (sent < content.size()) {
        const int count = SSL_write(client.get(), content.data() + sent,
                                    static_cast<int>(content.size() - sent));
        if (count > 0) sent += static_cast<size_t>(count);
      }
      ClientStream::Moved moved{Result::kDone};
      while ((moved = stream.Read(absl::MakeSpan(into))).result ==
             Result::kDone) {
        ASSERT_GT(moved.bytes, 0);
        received.append(into.data(), moved.bytes);
      }
      ASSERT_EQ(moved.result, Result::kWaitsForInput) << stream.error();
    }
    EXPECT_EQ(received, content);
  }
}

TEST_F(ClientStreamTest, TellsAnOrderlyEndFromALostConnection) {
  std::array<char, 1> byte{};
  {
    ClientStream stream = NewStream();
    ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
    SSL_shutdown(client.get());
    EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kEnd);
    stream.SayEnd();
    EXPECT_EQ(SSL_read(client.get(), byte.data(), 1), 0);
    EXPECT_EQ(SSL_get_error(client.get(), 0), SSL_ERROR_ZERO_RETURN);
  }
  Connect();
  ClientStream stream = NewStream();
  ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
  // Anybody on the way could have cut it.
  shutdown(clients.get(), SHUT_WR);
  EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kLost);
}

TEST_F(ClientStreamTest, WantsHttp2) {
  UseAlpn(kHttp1);
  ExpectRefused("no application protocol");
}

TEST_F(ClientStreamTest, WantsToBeAskedForHttp2) {
  SSL_CTX_set_alpn_protos(client_context.get(), nullptr, 0);
  ExpectRefused("ALPN");
}

TEST_F(ClientStreamTest, WantsTls12OrLater) {
  // As Debian's own settings keep OpenSSL's clients from less.
  SSL_CTX_set_security_level(client_context.get(), 0);
  SSL_CTX_set_min_proto_version(client_context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(client_context.get(), TLS1_1_VERSION);
  ExpectRefused("unsupported protocol");
}

TEST_F(ClientStreamTest, SpeaksTls12WithoutRenegotiation) {
  SSL_CTX_set_max_proto_version(client_context.get(), TLS1_2_VERSION);
  ClientStream stream = NewStream();
  ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
  EXPECT_EQ(SSL_version(client.get()), TLS1_2_VERSION);
  EXPECT_EQ(SSL_renegotiate(client.get()), 1);
  SSL_do_handshake(client.get());
  std::array<char, 1> byte{};
  EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kWaitsForInput);
  EXPECT_EQ(SSL_do_handshake(client.get()), -1);
  EXPECT_EQ(SSL_get_error(client.get(), -1), SSL_ERROR_SSL);
}

TEST_F(ClientStreamTest, KeysMayBeUpdatedButNotForEver) {
  constexpr int kTooOften = 2'000;  // 40 KB.
  std::array<char, 100> bytes{};
  for (const int updates : {10, kTooOften}) {
    Connect();
    ClientStream stream = NewStream();
    ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
    // Together, as each send has its own place in the kernel's buffer.
    BIO* const sent = BIO_new(BIO_s_mem());
    SSL_set0_wbio(client.get(), sent);
    for (int i = 0; i < updates; ++i) {
      ASSERT_EQ(SSL_key_update(client.get(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
      ASSERT_EQ(SSL_do_handshake(client.get()), 1);
    }
    ASSERT_EQ(SSL_write(client.get(), "hello", 5), 5);
    char* data = nullptr;
    const long size = BIO_get_mem_data(sent, &data);
    Send(clients, absl::string_view(data, static_cast<size_t>(size)));
    const ClientStream::Moved moved = stream.Read(absl::MakeSpan(bytes));
    if (updates == kTooOften) {
      EXPECT_EQ(moved.result, Result::kLost);
      EXPECT_NE(stream.error().find("without content"), std::string::npos);
    } else {
      EXPECT_EQ(moved.result, Result::kDone);
      EXPECT_EQ(absl::string_view(bytes.data(), moved.bytes), "hello");
    }
  }
}

TEST_F(ClientStreamTest, ResumesNoSession) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Connect();
    SSL_CTX_set_max_proto_version(client_context.get(), version);
    ClientStream stream = NewStream();
    ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
    std::array<char, 1> byte{};
    EXPECT_EQ(SSL_read(client.get(), byte.data(), 1), -1);
    EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get_session(client.get())), 0);
    SSL_shutdown(client.get());
    EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kEnd);
  }
}

TEST_F(ClientStreamTest, IsLostIfItIsNoTls) {
  ClientStream stream = NewStream();
  Send(clients, "GET / HTTP/1.1\r\n\r\n");
  std::array<char, 1> byte{};
  EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kLost);
  EXPECT_FALSE(stream.ready());
  EXPECT_EQ(stream.error(), "http request");
}

TEST_F(ClientStreamTest, EndsIfNothingComes) {
  ClientStream stream = NewStream();
  shutdown(clients.get(), SHUT_WR);
  std::array<char, 1> byte{};
  EXPECT_EQ(stream.Read(absl::MakeSpan(byte)).result, Result::kEnd);
}

TEST_F(ClientStreamTest, HasTheCertificateThatTheClientShows) {
  UseClientAuthority(/*required=*/true);
  const Issued otto =
      authority.Issue({.name = "otto", .purpose = "clientAuth"});
  ShowCertificate(otto);
  ClientStream stream = NewStream();
  ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
  ASSERT_NE(stream.certificate(), nullptr);
  EXPECT_EQ(X509_cmp(stream.certificate().get(), otto.certificate.get()), 0);
}

TEST_F(ClientStreamTest, TakesAClientWithoutCertificateUnlessItIsRequired) {
  UseClientAuthority(/*required=*/false);
  ClientStream stream = NewStream();
  ASSERT_EQ(Handshake(stream).result, Result::kWaitsForInput);
  EXPECT_EQ(stream.certificate(), nullptr);
}

TEST_F(ClientStreamTest, WantsACertificateIfItIsRequired) {
  UseClientAuthority(/*required=*/true);
  ExpectRefused("peer did not return a certificate");
}

// A certificate that is wrong is refused, also where none is required.
class WrongCertificateTest : public ClientStreamTest,
                             public testing::WithParamInterface<bool> {
 protected:
  void ExpectRefusedWith(const Issued& issued) {
    UseClientAuthority(/*required=*/GetParam());
    ShowCertificate(issued);
    ExpectRefused("certificate verify failed");
  }
};

TEST_P(WrongCertificateTest, OfAnotherAuthority) {
  // Even if it is called the same.
  ExpectRefusedWith(TestAuthority("authority").Issue({.name = "otto"}));
}

TEST_P(WrongCertificateTest, ThatHasExpired) {
  ExpectRefusedWith(authority.Issue({.name = "otto", .days = -1}));
}

TEST_P(WrongCertificateTest, ThatIsAServers) {
  ExpectRefusedWith(authority.Issue({.name = "otto", .purpose = "serverAuth"}));
}

INSTANTIATE_TEST_SUITE_P(RequiredOrNot, WrongCertificateTest, testing::Bool());

}  // namespace
}  // namespace tcptool::server
