// Calls of PeerService.Follow where content goes in TLS: who is told a ticket,
// and what it is good for.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/peers/peer_service.h"
#include "tcptool/peer/v1/peer_service.grpc.pb.h"
#include "tests/dataplane/blocking_tls.h"
#include "tests/server/peers/serving_node.h"

namespace tcptool::server {
namespace {

using dataplane::BlockingTls;
using dataplane::Peer;
using dataplane::TlsRole;
using peer::v1::FollowRequest;
using peer::v1::FollowResponse;
using testing::AllOf;
using testing::HasSubstr;

// A call, which goes on until this is destroyed.
class Following {
 public:
  Following(peer::v1::PeerService::Stub& stub, const FollowRequest& request)
      : reader_(stub.Follow(&context_, request)) {}
  ~Following() { context_.TryCancel(); }

  // Its first message.
  FollowResponse Read() {
    FollowResponse message;
    EXPECT_TRUE(reader_->Read(&message));
    return message;
  }
  grpc::Status Finish() {
    FollowResponse message;
    while (reader_->Read(&message)) {
    }
    return reader_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<FollowResponse>> reader_;
};

class FollowCallTlsTest : public ServingNode {
 protected:
  FollowCallTlsTest() {
    std::filesystem::create_directories(home_);
    Write("ca", ToPem(authority_.certificate()));
    Write("cert", ToPem(parent_.certificate));
    Write("key", ToPem(parent_.key));
    peers_ = *PeerService::Start(
        parts(), {asio::ip::address_v4::loopback(), 0}, 0, PeerPort::Limits(),
        [context = dataplane::ServerOf(authority_, parent_)] {
          return context;
        });
    server_ =
        *ControlServer::Start({.address = "127.0.0.1:0"},
                              {.tls_cert = absl::StrCat(home_, "/cert"),
                               .tls_key = absl::StrCat(home_, "/key"),
                               .tls_client_ca = absl::StrCat(home_, "/ca"),
                               .cert_roles = {"*=peer"}},
                              {peers_.get()}, {});
    stub_ = peer::v1::PeerService::NewStub(grpc::CreateChannel(
        server_->address(),
        grpc::SslCredentials({.pem_root_certs = ToPem(authority_.certificate()),
                              .pem_private_key = ToPem(child_.key),
                              .pem_cert_chain = ToPem(child_.certificate)})));
  }
  ~FollowCallTlsTest() override {
    peers_->Stop();
    server_->Stop(std::chrono::milliseconds(0));
  }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(absl::StrCat(home_, "/", name)) << text;
  }
  // Of the node lab1, whose certificate the calls show.
  static FollowRequest RequestFor(const std::string& name) {
    FollowRequest request;
    request.set_name(name);
    request.set_node("child");
    request.set_offset(0);
    request.set_fleet_node("lab1");
    request.set_tls(true);
    return request;
  }
  grpc::Status Refusal(const FollowRequest& request) {
    return Following(*stub_, request).Finish();
  }
  // A connection with the ticket of the message.
  std::unique_ptr<BlockingTls> Come(const FollowResponse& message,
                                    const Issued& issued) {
    const Peer peer(static_cast<uint16_t>(message.ticket().port()));
    auto child = std::make_unique<BlockingTls>(
        dataplane::SocketOf(peer), dataplane::ClientOf(authority_, issued),
        TlsRole::kClient);
    EXPECT_EQ(child->Handshake(), BlockingTls::Outcome::kDone);
    EXPECT_TRUE(child->Send(message.ticket().secret() + '\0'));
    return child;
  }

  const std::string home_ = absl::StrCat(testing::TempDir(), "/parent");
  const TestAuthority authority_{"authority"};
  const Issued parent_ =
      authority_.Issue({.name = "parent", .alternatives = "IP:127.0.0.1"});
  const Issued child_ =
      authority_.Issue({.name = "common", .alternatives = "DNS:lab1"});
  std::unique_ptr<PeerService> peers_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<peer::v1::PeerService::Stub> stub_;
};

TEST_F(FollowCallTlsTest, ContentComesWithinTls) {
  Following following(*stub_, RequestFor(Serve()));
  const FollowResponse first = following.Read();
  EXPECT_TRUE(first.ticket().tls());
  const auto child = Come(first, child_);
  EXPECT_TRUE(child->Read(TheContent().size()).data == TheContent());
}

TEST_F(FollowCallTlsTest, WhoTakesItInClearTextIsRefused) {
  FollowRequest request = RequestFor(Serve());
  request.set_tls(false);
  const grpc::Status status = Refusal(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("in TLS alone"));
  // A distribution can be had from others, or from this node later.
  request.set_name("distributions/d");
  EXPECT_EQ(Refusal(request).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(FollowCallTlsTest, WhoShowsTheCertificateOfAnotherNodeIsRefused) {
  FollowRequest request = RequestFor(Serve());
  // Its common name is no node's name.
  for (const char* other : {"lab2", "common", "lab1.example"}) {
    request.set_fleet_node(other);
    const grpc::Status status = Refusal(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(status.error_message(),
                AllOf(HasSubstr(other), HasSubstr("dns:lab1")));
  }
  // Of no fleet, it is whoever has the role.
  request.set_fleet_node("");
  EXPECT_TRUE(Following(*stub_, request).Read().has_ticket());
  request.set_fleet_node(std::string(65, 'a'));
  EXPECT_EQ(Refusal(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(FollowCallTlsTest, TicketIsGoodWithTheCertificateOfItsCallAlone) {
  Following following(*stub_, RequestFor(Serve()));
  const auto thief =
      Come(following.Read(),
           authority_.Issue({.name = "common", .alternatives = "DNS:lab2"}));
  const Peer::Result got = thief->Read();
  EXPECT_EQ(got.data, "");
  EXPECT_NE(got.error, 0);
  const grpc::Status status = following.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("another certificate"));
}

}  // namespace
}  // namespace tcptool::server
