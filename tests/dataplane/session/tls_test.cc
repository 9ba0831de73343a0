// A session whose content goes in TLS: who gets in, what recipients get, and
// what is said of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/dataplane/tls/record_writer.h"
#include "tests/dataplane/tls/tls_peer.h"

namespace tcptool::dataplane {
namespace {

using testing::HasSubstr;

constexpr size_t kSmall = 5'000;
constexpr size_t kLarge = 24'000'001;  // More than any socket's buffers hold.

class TlsSessionTest : public testing::Test {
 protected:
  SessionOptions Options(SessionTls tls = {}) {
    tls.context = [context = world.Server(true)] { return context; };
    return {.tls = std::make_shared<const SessionTls>(std::move(tls))};
  }
  // Its handshake is done, and it has said `byte`, unless its certificate was
  // refused meanwhile.
  std::unique_ptr<TlsPeer> Recipient(OneSession& one, char byte,
                                     const Context& context) {
    auto peer = std::make_unique<TlsPeer>(one.port(), context);
    EXPECT_TRUE(peer->Handshake());
    peer->Say(std::string(1, byte));
    return peer;
  }
  std::unique_ptr<TlsPeer> Recipient(OneSession& one, char byte) {
    return Recipient(one, byte, world.Client());
  }
  Context ClientCalled(const std::string& name) {
    return world.Client({.name = name});
  }

  const TlsWorld world;
};

TEST_F(TlsSessionTest, EachRecipientGetsEveryByteAndTheEnd) {
  const std::string content = Content(kLarge);
  OneSession one(FileOf(content), Options());
  const auto first = Recipient(one, 0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 1));
  TlsPeer::Result got;
  std::thread reads([&] { got = first->ReadAndClose(); });
  const auto last = Recipient(one, 1);
  const TlsPeer::Result last_got = last->ReadAndClose();
  reads.join();
  for (const TlsPeer::Result& result : {got, last_got}) {
    EXPECT_TRUE(result.data == content);
    EXPECT_TRUE(result.whole);
  }
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().bytes_acked, 2 * kLarge);
}

TEST_F(TlsSessionTest, EmptyContentIsDelivered) {
  OneSession one(FileOf(""), Options());
  const TlsPeer::Result got = Recipient(one, 1)->ReadAndClose();
  EXPECT_EQ(got.data, "");
  EXPECT_TRUE(got.whole);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST_F(TlsSessionTest, OneThatEndsItsSideEarlyIsDelivered) {
  for (const bool by_tls : {true, false}) {
    OneSession one(FileOf(Content(kSmall)), Options());
    const auto peer = Recipient(one, 1);
    if (by_tls) {
      peer->SayEnd();
    } else {
      peer->peer().HalfClose();
    }
    const TlsPeer::Result got = peer->ReadAndClose();
    EXPECT_EQ(got.data.size(), kSmall);
    EXPECT_TRUE(got.whole);
    EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  }
}

TEST_F(TlsSessionTest, WhatIsCutHasNoEnd) {
  OneSession one(FileOf(Content(kLarge)), Options());
  const auto peer = Recipient(one, 1);
  EXPECT_EQ(peer->Read(kSmall).data.size(), kSmall);
  ASSERT_TRUE(one.Call(&Session::Cancel).ok());
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kCancelled);
  // And none of TCP's, which some programs take for that of the content.
  EXPECT_EQ(peer->Read().error, ECONNRESET);
}

TEST_F(TlsSessionTest, OneThatLeavesHalfWayIsNotDelivered) {
  OneSession one(FileOf(Content(kLarge)), Options());
  const auto peer = Recipient(one, 1);
  EXPECT_EQ(peer->Read(kSmall).data.size(), kSmall);
  peer->peer().Reset();
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kConnectionLost);
}

// Its TCP has acknowledged all, and it closes; but what it has is not the
// content.
TEST_F(TlsSessionTest, OneThatAnswersTheEndWithAnAlertHasNotTheContent) {
  OneSession one(FileOf(Content(kSmall)), Options());
  TlsPeer peer(one.port(), world.Client());
  RecordWriter writer(peer);
  ASSERT_TRUE(peer.Handshake());
  ASSERT_TRUE(peer.Say("\1"));
  EXPECT_TRUE(peer.Read().whole);
  writer.Send(SSL3_RT_ALERT, kFatal, 1);
  peer.peer().Close();
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kTlsFailed);
  EXPECT_THAT(one.recorder->recipient(1).detail, HasSubstr("alert"));
}

TEST_F(TlsSessionTest, RecipientsInClearTextAreToldOfTls) {
  OneSession one(FileOf(Content(kSmall)), Options());
  Peer peer(one.port());
  peer.Say(1);
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kTlsFailed);
  EXPECT_THAT(one.recorder->recipient(1).detail, HasSubstr("speaks"));
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
}

// What it sends is read when it has all of the content.
TEST_F(TlsSessionTest, OneThatBeginsAnotherHandshakeIsNotDelivered) {
  OneSession one(FileOf(Content(kSmall)), Options());
  const auto peer = Recipient(one, 0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 1));
  // The record of a ClientHello.
  for (const unsigned char byte :
       {0x16, 0x03, 0x03, 0x00, 0x04, 0x01, 0x00, 0x00, 0x00}) {
    peer->peer().Say(byte);
  }
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kTlsFailed);
  EXPECT_NE(one.recorder->recipient(1).detail, "");
  EXPECT_FALSE(peer->Read().whole);
}

TEST_F(TlsSessionTest, SilentPeersTimeOutAndBlockNobody) {
  SessionOptions options = Options();
  // The good one has to shake hands within it, too.
  options.limits.handshake_timeout = absl::Seconds(10);
  OneSession one(FileOf(Content(kSmall)), std::move(options));
  Peer silent(one.port());
  Peer trickling(one.port());
  trickling.Say(0x16);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 2));
  EXPECT_TRUE(Recipient(one, 1)->ReadAndClose().whole);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  for (const uint64_t id : {1, 2}) {
    EXPECT_EQ(one.recorder->recipient(id).reason, Reason::kHandshakeTimeout);
    EXPECT_THAT(one.recorder->recipient(id).detail, HasSubstr("TLS"));
  }
}

TEST_F(TlsSessionTest, HalfOpenHandshakesAreBounded) {
  constexpr size_t kMost = 50;
  SessionOptions options = Options();
  options.limits.handshake_timeout = absl::Hours(1);
  OneSession one(FileOf(Content(kSmall)), std::move(options),
                 {.max_recipients_per_session = kMost});
  std::vector<std::unique_ptr<Peer>> half_open;
  while (half_open.size() < kMost) {
    half_open.push_back(std::make_unique<Peer>(one.port()));
    // The header of a record.
    for (const unsigned char byte : {0x16, 0x03, 0x01, 0x02, 0x00}) {
      half_open.back()->Say(byte);
    }
  }
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, kMost));
  EXPECT_EQ(Peer(one.port()).Read().error, ECONNRESET);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kRejected, 1));
  half_open.clear();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, kMost));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kHandshakeClosed);
  EXPECT_TRUE(Recipient(one, 1)->ReadAndClose().whole);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST_F(TlsSessionTest, AClientOfTlsStartsNothingInClearText) {
  OneSession one(FileOf(Content(kSmall)));
  TlsPeer peer(one.port(), world.Client());
  EXPECT_FALSE(peer.Handshake());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kTlsFailed);
  EXPECT_THAT(one.recorder->recipient(1).detail, HasSubstr("clear text"));
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
}

TEST_F(TlsSessionTest, TheFirstByteOfAClientHelloIsOneThatRecipientsMaySend) {
  OneSession one(FileOf(Content(kSmall)));
  const auto peer = one.ReadyPeer(0x16);
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  EXPECT_FALSE(one.recorder->recipient(1).start_byte);
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_EQ(peer->ReadAndClose().data.size(), kSmall);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST_F(TlsSessionTest, WithoutAContextNobodyGetsIn) {
  SessionTls tls{.context = [] { return nullptr; }};
  OneSession one(FileOf(Content(kSmall)),
                 {.tls = std::make_shared<const SessionTls>(std::move(tls))});
  Peer peer(one.port());
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kTlsFailed);
}

TEST_F(TlsSessionTest, OnlyTheNamedMayConnect) {
  OneSession one(FileOf(Content(kSmall)), Options({.names = {"cn:a", "cn:b"}}));
  Recipient(one, 1, ClientCalled("c"))->Read();
  Recipient(one, 1)->Read();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kRejected, 2));
  for (const uint64_t id : {1, 2}) {
    EXPECT_EQ(one.recorder->recipient(id).reason, Reason::kNotAuthorized);
  }
  EXPECT_THAT(one.recorder->recipient(1).detail, HasSubstr("cn:c"));
  EXPECT_THAT(one.recorder->recipient(2).detail,
              HasSubstr("no certificate that has a name"));
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  EXPECT_TRUE(Recipient(one, 1, ClientCalled("b"))->ReadAndClose().whole);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(3).identity, "cn:b");
}

TEST_F(TlsSessionTest, ManyNamesOfAStrangerAreNotAllKept) {
  OneSession one(FileOf(Content(kSmall)), Options({.names = {"cn:a"}}));
  std::string many = "DNS:first.example";
  for (int i = 0; i < 500; ++i) absl::StrAppend(&many, ",DNS:", i, ".example");
  const auto stranger =
      world.Client({.name = "many", .alternatives = std::move(many)});
  Recipient(one, 1, stranger)->Read();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kRejected, 1));
  const RecipientStatus status = one.recorder->recipient(1);
  EXPECT_EQ(status.identity, "cn:many");
  EXPECT_EQ(status.names, nullptr);
  EXPECT_THAT(status.detail, HasSubstr("dns:first.example"));
  EXPECT_THAT(status.detail, HasSubstr("..., may connect"));
  EXPECT_LT(status.detail.size(), 1200u);
}

TEST_F(TlsSessionTest, ACertificateMayBeRequired) {
  OneSession one(FileOf(Content(kSmall)),
                 Options({.requires_certificate = true}));
  Recipient(one, 1)->Read();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kTlsFailed);
  EXPECT_THAT(one.recorder->recipient(1).detail, HasSubstr("no certificate"));
}

// Both come from one address, as from behind a NAT.
TEST_F(TlsSessionTest, ThePlaceIsTheNamesWhateverTheAddress) {
  SessionOptions options = Options();
  options.expected = {{.label = "first", .identity = "cn:a"},
                      {.label = "second", .identity = "dns:b.example"}};
  OneSession one(FileOf(Content(kSmall)), std::move(options));
  const auto b = Recipient(
      one, 0, world.Client({.name = "b", .alternatives = "DNS:b.example"}));
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 1));
  EXPECT_EQ(one.recorder->recipient(2).state, RecipientState::kReady);
  EXPECT_EQ(one.recorder->recipient(2).label, "second");
  EXPECT_EQ(one.recorder->recipient(2).identity, "dns:b.example");
  TlsPeer::Result got;
  std::thread reads([&] { got = b->ReadAndClose(); });
  // All that are expected are there.
  EXPECT_TRUE(Recipient(one, 0, ClientCalled("a"))->ReadAndClose().whole);
  reads.join();
  EXPECT_TRUE(got.whole);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipients().size(), 2u);
  EXPECT_EQ(one.recorder->session().count(RecipientState::kDelivered), 2u);
}

}  // namespace
}  // namespace tcptool::dataplane
