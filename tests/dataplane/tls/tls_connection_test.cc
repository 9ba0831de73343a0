// Content in TLS: what is sent, what is acknowledged, and the two ends.
#include "dataplane/tls/tls_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "tests/dataplane/tls/record_writer.h"
#include "tests/dataplane/tls/tls_ends.h"

namespace tcptool::dataplane {
namespace {

using testing::HasSubstr;

constexpr size_t kLarge = 5'000'003;  // More than small buffers hold.
constexpr int kSmallBuffer = 4096;

class TlsConnectionTest : public testing::Test {
 protected:
  std::unique_ptr<TlsEnds> Ready(int receive_buffer = 0) {
    auto ends = std::make_unique<TlsEnds>(world.Server(), world.Client(),
                                          receive_buffer);
    EXPECT_EQ(ends->Handshake(), TlsConnection::Outcome::kDone);
    return ends;
  }

  const TlsWorld world;
};

TEST_F(TlsConnectionTest, PeersGetTheContentWhateverTheSizeOfTheCalls) {
  const std::string content = Content(kLarge);
  for (const size_t size : {size_t{1} << 20, size_t{77'777}, size_t{1'000}}) {
    for (const int buffer : {0, kSmallBuffer}) {
      const auto ends = Ready(buffer);
      TlsPeer::Result got;
      std::thread reads([&] { got = ends->peer.Read(); });
      EXPECT_TRUE(ends->Send(content, size));
      EXPECT_EQ(ends->tls.ShutdownWrite(ends->socket.get()), 0);
      // Which hands on what the kernel had no room for.
      EXPECT_TRUE(Eventually(
          [&] { return ends->tls.Unacknowledged(ends->socket.get()) == 0; }));
      reads.join();
      EXPECT_TRUE(got.data == content);
      EXPECT_TRUE(got.whole);
    }
  }
}

TEST_F(TlsConnectionTest, WhatTheKernelHasIsLessThanAllWhileItHasNoRoom) {
  const auto ends = Ready(kSmallBuffer);
  const std::string content = Content(64 << 20);
  const auto bytes = std::as_bytes(std::span(content));
  size_t sent = 0;
  ssize_t last = 0;
  while ((last = ends->tls.Send(ends->socket.get(), bytes.subspan(sent))) > 0) {
    sent += last;
  }
  EXPECT_EQ(last, -EAGAIN);
  EXPECT_GT(sent, 0u);
  // What was encrypted, and is kept, is not acknowledged either.
  const int unacknowledged = ends->tls.Unacknowledged(ends->socket.get());
  EXPECT_GE(unacknowledged, static_cast<int>(sent - ends->Info().bytes_acked));
  // It goes on where it was, in calls of any size.
  TlsPeer::Result got;
  std::thread reads([&] { got = ends->peer.Read(sent + kLarge); });
  EXPECT_TRUE(ends->Send(content.substr(sent, kLarge), 500));
  reads.join();
  EXPECT_TRUE(got.data == content.substr(0, sent + kLarge));
}

TEST_F(TlsConnectionTest, NoMoreIsAcknowledgedThanHasArrived) {
  const auto ends = Ready(kSmallBuffer);
  const std::string content = Content(kLarge);
  TlsPeer::Result got;
  std::thread reads([&] { got = ends->peer.Read(kLarge); });
  const auto bytes = std::as_bytes(std::span(content));
  size_t sent = 0;
  uint64_t acknowledged = 0;
  while (sent < bytes.size()) {
    const ssize_t now = ends->tls.Send(ends->socket.get(), bytes.subspan(sent));
    if (now > 0) sent += now;
    const uint64_t of_content = ends->Info().bytes_acked;
    EXPECT_GE(of_content, acknowledged);
    acknowledged = of_content;
    TcpInfo after;
    ASSERT_EQ(SocketApi::Real().Info(ends->socket.get(), &after), 0);
    // On the wire are the handshake and the records besides.
    EXPECT_LT(of_content, after.bytes_acked);
  }
  reads.join();
  EXPECT_TRUE(
      Eventually([&] { return ends->Info().bytes_acked == content.size(); }));
  EXPECT_TRUE(got.data == content);
}

TEST_F(TlsConnectionTest, OnlyShutdownIsAnOrderlyEnd) {
  const auto ends = Ready();
  EXPECT_TRUE(ends->Send("the first half"));
  EXPECT_EQ(ends->peer.Read(14).data, "the first half");
  ends->socket = UniqueFd();  // Is reset.
  const TlsPeer::Result rest = ends->peer.Read();
  EXPECT_EQ(rest.data, "");
  EXPECT_FALSE(rest.whole);
}

TEST_F(TlsConnectionTest, TheDestructorSaysNothing) {
  Connection connection = Connect();
  TlsPeer peer(std::move(connection.peer), world.Client());
  {
    TlsConnection tls(SocketApi::Real(), world.Server(),
                      connection.sender.get(), TlsRole::kServer);
    std::thread client([&] { peer.Handshake(); });
    EXPECT_TRUE(Eventually(
        [&] { return tls.Handshake() == TlsConnection::Outcome::kDone; }));
    client.join();
  }
  // An orderly end of TCP, which is none of TLS.
  shutdown(connection.sender.get(), SHUT_WR);
  EXPECT_FALSE(peer.Read().whole);
}

TEST_F(TlsConnectionTest, TheBytesPeekedAtAreReceivedAfterwards) {
  const auto ends = Ready();
  std::byte bytes[16]{};
  EXPECT_EQ(ends->tls.Peek(ends->socket.get(), bytes), -EAGAIN);
  ASSERT_TRUE(ends->peer.Say("\x01 and more than Peek() shows"));
  ASSERT_TRUE(Eventually(
      [&] { return ends->tls.Peek(ends->socket.get(), bytes) > 0; }));
  EXPECT_EQ(ends->tls.Peek(ends->socket.get(), {bytes, 1}), 1);
  EXPECT_EQ(bytes[0], std::byte{1});
  EXPECT_EQ(ends->Receive({bytes, 3}), 3);
  EXPECT_EQ(bytes[0], std::byte{1});
  EXPECT_EQ(bytes[2], std::byte{'a'});
  EXPECT_EQ(ends->Receive(bytes), 16);
  EXPECT_EQ(bytes[0], std::byte{'n'});
}

TEST_F(TlsConnectionTest, APeerThatEndsItsSideEarlyIsSentToAllTheSame) {
  for (const bool by_tls : {true, false}) {
    const auto ends = Ready();
    EXPECT_EQ(ends->Info().state, TCP_ESTABLISHED);
    if (by_tls) {
      ends->peer.SayEnd();
    } else {
      ends->peer.peer().HalfClose();
    }
    EXPECT_EQ(ends->Receive(), 0);
    EXPECT_EQ(ends->Info().state, TCP_CLOSE_WAIT);
    EXPECT_TRUE(ends->Send("content"));
    EXPECT_EQ(ends->tls.ShutdownWrite(ends->socket.get()), 0);
    // By SSL_read(), one that has said its end still gets what is sent.
    const TlsPeer::Result got = ends->peer.Read();
    EXPECT_EQ(got.data, "content");
    EXPECT_TRUE(got.whole);
    EXPECT_EQ(ends->Receive(), 0);
  }
}

TEST_F(TlsConnectionTest, AResetOfThePeerIsSeen) {
  const auto ends = Ready();
  ends->peer.peer().Reset();
  EXPECT_EQ(ends->Receive(), -ECONNRESET);
  EXPECT_EQ(ends->Receive(), -ECONNRESET);
}

TEST_F(TlsConnectionTest, AResetBehindWhatIsShownIsAnErrorOfTheSocket) {
  const auto ends = Ready();
  ASSERT_TRUE(ends->peer.Say("\1"));
  // A reset overtakes bytes that pacing holds back.
  ASSERT_TRUE(Eventually([&] {
    char first;
    return recv(ends->socket.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  }));
  ends->peer.peer().Reset();
  ASSERT_TRUE(
      Eventually([&] { return TcpState(ends->socket.get()) == TCP_CLOSE; }));
  std::byte bytes[2]{};
  EXPECT_EQ(ends->tls.Peek(ends->socket.get(), bytes), 1);
  EXPECT_EQ(ends->tls.TakeError(ends->socket.get()), -ECONNRESET);
}

TEST_F(TlsConnectionTest, AnAlertBehindWhatIsShownIsAnErrorOfTheSocket) {
  TlsEnds ends(world.Server(), world.Client());
  RecordWriter writer(ends.peer);
  ASSERT_EQ(ends.Handshake(), TlsConnection::Outcome::kDone);
  ASSERT_TRUE(ends.peer.Say("\1"));
  writer.Send(SSL3_RT_ALERT, kFatal, 1);
  ends.peer.peer().HalfClose();
  ASSERT_TRUE(Eventually(
      [&] { return TcpState(ends.socket.get()) == TCP_CLOSE_WAIT; }));
  std::byte bytes[2]{};
  EXPECT_EQ(ends.tls.Peek(ends.socket.get(), bytes), 1);
  EXPECT_EQ(ends.tls.TakeError(ends.socket.get()), -EPROTO);
  EXPECT_THAT(ends.tls.error(), HasSubstr("alert"));
}

// OpenSSL waits for the rest then, and nothing is sent before that.
TEST_F(TlsConnectionTest, APeerThatDoesNotEndAMessageIsSentNothing) {
  for (const bool has_ended : {false, true}) {
    TlsEnds ends(world.Server(), world.Client());
    RecordWriter writer(ends.peer);
    ASSERT_EQ(ends.Handshake(), TlsConnection::Outcome::kDone);
    ASSERT_TRUE(ends.peer.Say("\1"));
    EXPECT_EQ(ends.Receive(), 1);
    // The header of a KeyUpdate, and not the byte that it has.
    const int size =
        static_cast<int>(writer.Send(SSL3_RT_HANDSHAKE, {"\x18\0\0\1", 4}, 1));
    ASSERT_TRUE(Eventually([&] {
      int unread = 0;
      return ioctl(ends.socket.get(), FIONREAD, &unread) == 0 && unread == size;
    }));
    std::byte byte{};
    EXPECT_EQ(ends.tls.Receive(ends.socket.get(), {&byte, 1}), -EAGAIN);
    if (has_ended) {
      ends.peer.peer().HalfClose();
      ASSERT_TRUE(Eventually(
          [&] { return TcpState(ends.socket.get()) == TCP_CLOSE_WAIT; }));
    }
    EXPECT_EQ(ends.tls.Send(ends.socket.get(), {&byte, 1}), -EPROTO);
    EXPECT_THAT(ends.tls.error(), HasSubstr("has not ended it"));
    EXPECT_EQ(ends.tls.ShutdownWrite(ends.socket.get()), -EPROTO);
  }
}

TEST_F(TlsConnectionTest, WhatIsNoRecordFails) {
  const auto ends = Ready();
  for (const unsigned char byte : {0x47, 0x45, 0x54, 0x20, 0x2f}) {
    ends->peer.peer().Say(byte);
  }
  EXPECT_EQ(ends->Receive(), -EPROTO);
  EXPECT_NE(ends->tls.error(), "");
  EXPECT_EQ(ends->Receive(), -EPROTO);
}

TEST_F(TlsConnectionTest, ThereIsNoSecondHandshake) {
  const auto ends = Ready();
  EXPECT_EQ(SSL_renegotiate(ends->peer.ssl()), 0);  // TLS 1.3 has it no more.
  ERR_clear_error();
  // The record of another ClientHello.
  for (const unsigned char byte :
       {0x16, 0x03, 0x03, 0x00, 0x04, 0x01, 0x00, 0x00, 0x00}) {
    ends->peer.peer().Say(byte);
  }
  EXPECT_EQ(ends->Receive(), -EPROTO);
  EXPECT_NE(ends->tls.error(), "");
}

TEST_F(TlsConnectionTest, TakesNewKeysAndNoEndlessRowOfThem) {
  const auto ends = Ready();
  const auto new_key = [&] {
    return SSL_key_update(ends->peer.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1 &&
           SSL_do_handshake(ends->peer.ssl()) == 1;
  };
  ASSERT_TRUE(new_key());
  ASSERT_TRUE(ends->peer.Say("a"));
  EXPECT_EQ(ends->Receive(), 1);
  EXPECT_TRUE(ends->Send("content"));
  EXPECT_EQ(ends->peer.Read(7).data, "content");
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(new_key());
  EXPECT_EQ(ends->Receive(), -EPROTO);
  EXPECT_THAT(ends->tls.error(), HasSubstr("without content"));
}

// Counts the messages in which the sender announces another key (RFC 8446,
// section 4.6.3).
void CountNewKeys(int is_sent, int /*version*/, int type, const void* bytes,
                  size_t size, SSL* /*ssl*/, void* count) {
  constexpr uint8_t kKeyUpdate = 24;
  if (is_sent == 0 && type == SSL3_RT_HANDSHAKE && size > 0 &&
      *static_cast<const uint8_t*>(bytes) == kKeyUpdate) {
    ++*static_cast<int*>(count);
  }
}

TEST_F(TlsConnectionTest, EncryptsNoMoreThanAMillionRecordsWithOneKey) {
  const auto ends = Ready();
  int new_keys = 0;
  SSL_set_msg_callback(ends->peer.ssl(), CountNewKeys);
  SSL_set_msg_callback_arg(ends->peer.ssl(), &new_keys);
  const std::string content = Content((size_t{1} << 20) + 2);
  TlsPeer::Result got;
  std::thread reads([&] { got = ends->peer.Read(content.size()); });
  EXPECT_TRUE(ends->Send(content, 1));
  reads.join();
  EXPECT_TRUE(got.data == content);
  EXPECT_EQ(new_keys, 1);
}

// Of a client of ours: its server is OpenSSL's own.
class TlsClientTest : public TlsConnectionTest {
 protected:
  void Receive(const std::string& content, bool says_end) {
    Connection connection = Connect();
    std::thread server([&] {
      const std::unique_ptr<SSL, void (*)(SSL*)> ssl(
          SSL_new(world.Server().get()), &SSL_free);
      SSL_set_fd(ssl.get(), connection.peer->fd());
      ASSERT_EQ(SSL_accept(ssl.get()), 1);
      for (size_t sent = 0; sent < content.size();) {
        const int now = SSL_write(ssl.get(), content.data() + sent,
                                  static_cast<int>(content.size() - sent));
        ASSERT_GT(now, 0);
        sent += now;
      }
      if (says_end) SSL_shutdown(ssl.get());
      connection.peer->HalfClose();
    });
    TlsConnection tls(SocketApi::Real(), world.Client(),
                      connection.sender.get(), TlsRole::kClient);
    EXPECT_TRUE(Eventually(
        [&] { return tls.Handshake() == TlsConnection::Outcome::kDone; }));
    std::vector<std::byte> buffer(300'000);
    for (;;) {
      last = tls.Receive(connection.sender.get(), buffer);
      if (last > 0) {
        got.append(reinterpret_cast<const char*>(buffer.data()), last);
      } else if (last != -EAGAIN) {
        break;
      }
    }
    error = tls.error();
    server.join();
  }

  std::string got;
  ssize_t last = 0;
  std::string error;
};

TEST_F(TlsClientTest, GetsAllAndTheEnd) {
  const std::string content = Content(kLarge);
  Receive(content, true);
  EXPECT_TRUE(got == content);
  EXPECT_EQ(last, 0);
}

TEST_F(TlsClientTest, KnowsThatItIsCut) {
  const std::string content = Content(kLarge);
  Receive(content, false);
  EXPECT_TRUE(got == content);
  EXPECT_EQ(last, -EPROTO);
  EXPECT_THAT(error, HasSubstr("close_notify"));
}

}  // namespace
}  // namespace tcptool::dataplane
