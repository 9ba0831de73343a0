// A call of PeerService.Follow: what it says, when, and how it ends.
#include "server/peers/follow_call.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "server/peers/peer_service.h"
#include "tcptool/peer/v1/peer_service.grpc.pb.h"
#include "tests/server/peers/serving_node.h"

namespace tcptool::server {
namespace {

using dataplane::kDeadline;
using dataplane::ManifestOf;
using dataplane::Peer;
using peer::v1::FollowRequest;
using peer::v1::FollowResponse;
using testing::HasSubstr;

// A caller.
class Following {
 public:
  Following(peer::v1::PeerService::Stub& stub, const FollowRequest& request)
      : reader_(stub.Follow(&context_, request)) {}
  ~Following() {
    if (reader_ != nullptr) Cancel();
  }

  bool Read() {
    message_.Clear();
    return reader_->Read(&message_);
  }
  const FollowResponse& message() const { return message_; }
  grpc::Status Finish() {
    while (Read()) {
    }
    const grpc::Status status = reader_->Finish();
    reader_ = nullptr;
    return status;
  }
  grpc::Status Cancel() {
    context_.TryCancel();
    return Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<FollowResponse>> reader_;
  FollowResponse message_;
};

class FollowCallTest : public ServingNode {
 protected:
  explicit FollowCallTest(uint64_t most_bytes_per_second = 0)
      : peers_(*PeerService::Start(parts(),
                                   {asio::ip::address_v4::loopback(), 0},
                                   most_bytes_per_second)),
        server_(*ControlServer::Start({.address = "127.0.0.1:0"}, {},
                                      {peers_.get()}, {})),
        stub_(peer::v1::PeerService::NewStub(grpc::CreateChannel(
            server_->address(), grpc::InsecureChannelCredentials()))) {}
  ~FollowCallTest() override {
    peers_->Stop();
    server_->Stop(std::chrono::milliseconds(0));
  }

  static FollowRequest RequestFor(const std::string& name) {
    FollowRequest request;
    request.set_name(name);
    request.set_node("child");
    return request;
  }
  static FollowRequest RequestFor(const std::string& name, int64_t offset) {
    FollowRequest request = RequestFor(name);
    request.set_offset(offset);
    return request;
  }
  grpc::Status Refusal(const FollowRequest& request) {
    return Following(*stub_, request).Finish();
  }
  // A connection with the ticket of the message.
  static Peer Come(const FollowResponse& message) {
    Peer child(static_cast<uint16_t>(message.ticket().port()));
    for (const char byte : message.ticket().secret()) child.Say(byte);
    child.Say(0);
    return child;
  }

  const std::unique_ptr<PeerService> peers_;
  const std::unique_ptr<ControlServer> server_;
  const std::unique_ptr<peer::v1::PeerService::Stub> stub_;
};

TEST_F(FollowCallTest, RequestsThatAreWrong) {
  FollowRequest request = RequestFor("sessions/s");
  for (const std::string& node :
       {std::string(), std::string("a/b"), std::string("\xc3\xa4"),
        std::string(65, 'a')}) {
    request.set_node(node);
    const grpc::Status status = Refusal(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("node:"));
  }
  request = RequestFor("sessions/s", -1);
  EXPECT_THAT(Refusal(request).error_message(), HasSubstr("offset:"));
  request = RequestFor("sessions/s");
  request.set_first_block(-1);
  EXPECT_THAT(Refusal(request).error_message(), HasSubstr("first_block:"));
  EXPECT_EQ(Refusal(RequestFor("sessions/s")).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Refusal(RequestFor("s")).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(FollowCallTest, SaysTheDigestsThatAreAskedForAndThenTheEnd) {
  FollowRequest request = RequestFor(Serve());
  request.set_first_block(1);
  Following following(*stub_, request);
  std::string digests;
  do {
    ASSERT_TRUE(following.Read());
    EXPECT_FALSE(following.message().has_ticket());
    digests += following.message().digests();
  } while (!following.message().has_end());
  const auto manifest = ManifestOf(TheContent());
  std::string expected;
  for (size_t i = 1; i < manifest.blocks.size(); ++i) {
    const auto& digest = manifest.blocks[i];
    expected.append(reinterpret_cast<const char*>(digest.data()),
                    digest.size());
  }
  EXPECT_EQ(digests, expected);
  EXPECT_EQ(following.message().end().length(),
            static_cast<int64_t>(manifest.length));
  // And then that it is there: nothing new.
  ASSERT_TRUE(following.Read());
  FollowResponse nothing_new;
  nothing_new.set_watermark(following.message().watermark());
  EXPECT_EQ(following.message().SerializeAsString(),
            nothing_new.SerializeAsString());
  EXPECT_EQ(following.Cancel().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(FollowCallTest, SaysFirstHowLongTheContentWillBe) {
  Following following(*stub_, RequestFor(Serve()));
  ASSERT_TRUE(following.Read());
  EXPECT_EQ(following.message().length(),
            static_cast<int64_t>(TheContent().size()));

  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "a part");
  Following receiving(*stub_, RequestFor(reception.name()));
  ASSERT_TRUE(receiving.Read());
  EXPECT_FALSE(receiving.message().has_length());
}

TEST_F(FollowCallTest, EachMessageSaysHowMuchCouldBeSent) {
  const auto says = [](Following& following, uint64_t bytes) {
    do {
      if (!following.Read()) return false;
      EXPECT_TRUE(following.message().has_watermark());
    } while (following.message().watermark() != static_cast<int64_t>(bytes));
    return true;
  };
  const std::string session = Serve([](v1::SessionSpec& spec) {
    spec.mutable_start()->set_immediate(false);
  });
  Following waiting(*stub_, RequestFor(session, 0));
  EXPECT_TRUE(says(waiting, 0));
  Peer child = Come(waiting.message());
  EXPECT_TRUE(says(waiting, 0));
  StartSession(session);
  EXPECT_TRUE(says(waiting, TheContent().size()));

  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "a part");
  Following receiving(*stub_, RequestFor(reception.name()));
  EXPECT_TRUE(says(receiving, 6));
  ASSERT_TRUE(sender.Send(", more"));
  EXPECT_TRUE(says(receiving, 12));
}

// As a node that may send so many bytes a second.
class LimitedFollowCallTest : public FollowCallTest {
 protected:
  LimitedFollowCallTest() : FollowCallTest(1'000'000) {}

  // Until it does.
  static bool Says(Following& following, int64_t bytes_per_second) {
    do {
      if (!following.Read()) return false;
    } while (following.message().bytes_per_second() != bytes_per_second);
    return true;
  }
};

TEST_F(LimitedFollowCallTest, EachIsToldWhatItCanHave) {
  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "a part");
  Following one(*stub_, RequestFor(reception.name(), 0));
  ASSERT_TRUE(one.Read());
  EXPECT_FALSE(one.message().has_bytes_per_second()) << "It is sent nothing.";
  Peer child = Come(one.message());
  EXPECT_TRUE(Says(one, 1'000'000));

  FollowRequest request = RequestFor(Serve(), 0);
  request.set_node("other");
  Following other(*stub_, request);
  ASSERT_TRUE(other.Read());
  Peer other_child = Come(other.message());
  EXPECT_TRUE(Says(one, 500'000));
  EXPECT_TRUE(Says(other, 500'000));
  one.Cancel();
  EXPECT_TRUE(Says(other, 1'000'000));
}

TEST_F(FollowCallTest, TicketBringsTheContentFromTheOffset) {
  const int64_t offset = kManifestBlock + 1;
  Following following(*stub_, RequestFor(Serve(), offset));
  ASSERT_TRUE(following.Read());
  ASSERT_TRUE(following.message().has_ticket());
  EXPECT_EQ(following.message().ticket().port(), peers_->data_port());
  Peer child = Come(following.message());
  EXPECT_EQ(child.ReadAndClose().data, TheContent().substr(offset));
}

TEST_F(FollowCallTest, TicketEndsWithTheCall) {
  Following following(*stub_, RequestFor(Serve(), 0));
  ASSERT_TRUE(following.Read());
  const FollowResponse message = following.message();
  following.Cancel();
  // The service is told of it a little later.
  EXPECT_TRUE(WaitUntil([&] {
    Peer child = Come(message);
    return child.ReadAndClose().data.empty();
  }));
}

TEST_F(FollowCallTest, ConnectionEndsWithTheCall) {
  const std::string session = Serve([](v1::SessionSpec& spec) {
    spec.mutable_limits()->set_session_bytes_per_second(64 << 10);
  });
  Following following(*stub_, RequestFor(session, 0));
  ASSERT_TRUE(following.Read());
  Peer child = Come(following.message());
  ASSERT_EQ(child.Read(1).data.size(), 1u);
  following.Cancel();
  const Peer::Result result = child.ReadAndClose();
  EXPECT_EQ(result.error, ECONNRESET);
  EXPECT_LT(result.data.size() + 1, TheContent().size());
}

// Each would hold the file open that it was sent, for as long as it likes.
TEST_F(FollowCallTest, WhoHasEverythingAndEndsItsCallHasSecondsToClose) {
  Following following(*stub_, RequestFor(Receive(), 0));
  ASSERT_TRUE(following.Read());
  Peer child = Come(following.message());
  // And the end.
  const Peer::Result result = child.Read();
  EXPECT_EQ(result.data, TheContent());
  EXPECT_EQ(result.error, 0);
  following.Cancel();
  pollfd reset = {.fd = child.fd()};
  EXPECT_EQ(
      poll(&reset, 1, static_cast<int>(absl::ToInt64Milliseconds(kDeadline))),
      1);
}

TEST_F(FollowCallTest, WhomTheAccessRulesDoNotAllowIsToldNothing) {
  const std::string session =
      Serve([](v1::SessionSpec& spec) { spec.add_allow("10.0.0.0/8"); });
  for (const FollowRequest& request :
       {RequestFor(session), RequestFor(session, 0)}) {
    Following following(*stub_, request);
    EXPECT_FALSE(following.Read());
    const grpc::Status status = following.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_EQ(status.error_message(),
              "127.0.0.1 matches no access rule of the session");
  }
}

TEST_F(FollowCallTest, OffsetBehindTheEnd) {
  const auto size = static_cast<int64_t>(TheContent().size());
  EXPECT_EQ(Refusal(RequestFor(Serve(), size + 1)).error_code(),
            grpc::StatusCode::OUT_OF_RANGE);
  // That is known once the end has come.
  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "a part");
  Following following(*stub_, RequestFor(reception.name(), 7));
  ASSERT_TRUE(following.Read());
  EXPECT_TRUE(following.message().has_ticket());
  sender.End();
  EXPECT_EQ(following.Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
}

TEST_F(FollowCallTest, EndsWithItsContent) {
  const std::string session = Serve();
  Following of_session(*stub_, RequestFor(session));
  ASSERT_TRUE(of_session.Read());
  CancelSession(session);
  EXPECT_EQ(of_session.Finish().error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);

  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "a part");
  Following of_reception(*stub_, RequestFor(reception.name(), 0));
  ASSERT_TRUE(of_reception.Read());
  sender.Reset();
  EXPECT_EQ(of_reception.Finish().error_code(), grpc::StatusCode::ABORTED);
}

TEST_F(FollowCallTest, ServiceThatStopsAsksToComeAgain) {
  const std::string session = Serve();
  Following following(*stub_, RequestFor(session));
  ASSERT_TRUE(following.Read());
  peers_->Drain();
  // What runs goes on.
  ASSERT_TRUE(following.Read());
  CancelSession(session);
  EXPECT_EQ(following.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  peers_->Stop();
  EXPECT_EQ(Refusal(RequestFor(session)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(FollowCallTest, WhoDoesNotReadHoldsUpNobody) {
  const std::string session = Serve();
  Following silent(*stub_, RequestFor(session));
  Following other(*stub_, RequestFor(session));
  bool has_ended = false;
  while (!has_ended) {
    ASSERT_TRUE(other.Read());
    has_ended = other.message().has_end();
  }
  // Its own messages have waited for it.
  ASSERT_TRUE(silent.Read());
}

}  // namespace
}  // namespace tcptool::server
