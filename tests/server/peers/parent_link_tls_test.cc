// A reception's link to other nodes where content comes in TLS: from the nodes
// that are meant, and from nobody in clear text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/dataplane/blocking_tls.h"
#include "tests/server/peers/parent_links.h"

namespace tcptool::server {
namespace {

using dataplane::BlockingTls;
using testing::HasSubstr;

class ParentLinkTlsTest : public ParentLinkTest {
 protected:
  ParentLinkTlsTest() {
    std::filesystem::create_directories(home_);
    Write("ca", ToPem(authority_.certificate()));
    const Issued child = authority_.Issue({.name = "child"});
    Write("cert", ToPem(child.certificate));
    Write("key", ToPem(child.key));
    tls_clients_ = std::make_unique<FollowClients>(*NodeCredentials::Load(
        {.ca = absl::StrCat(home_, "/ca"), .data_tls = true},
        {.tls_cert = absl::StrCat(home_, "/cert"),
         .tls_key = absl::StrCat(home_, "/key")},
        "lab3"));
  }
  // Before its clients, which it uses.
  ~ParentLinkTlsTest() override {
    Cancel();
    link_ = nullptr;
  }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(absl::StrCat(home_, "/", name)) << text;
  }
  std::shared_ptr<grpc::ServerCredentials> ForCalls() const {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs = {
        {ToPem(parent_.key), ToPem(parent_.certificate)}};
    return grpc::SslServerCredentials(options);
  }
  void OpenTls(std::vector<NodePlan::Node> nodes) {
    link_ = std::make_shared<ParentLink>(
        NodePlan{.nodes = std::move(nodes),
                 .wait = absl::ZeroDuration(),
                 .dead_timeout = absl::Seconds(60),
                 .id = "child",
                 .reception = "receptions/r"},
        *tls_clients_, moves_, ParentLink::Timing());
    moves_.Expect("receptions/r");
    link_->Open(*this);
  }
  // Says that it sends by the data port of `data`, in TLS.
  static ScriptedNode::Script ServeTls(const ScriptedSender& data) {
    return [&data](const FollowRequest&, grpc::ServerContext& context,
                   grpc::ServerWriter<FollowResponse>& writer) {
      FollowResponse first = TicketFor(data);
      first.mutable_ticket()->set_tls(true);
      writer.Write(first);
      return Hold(context);
    };
  }
  // Takes the next connection there, as the node of parent_, and returns what
  // is said first.
  std::string Answer(ScriptedSender& data) const {
    data.Accept();
    BlockingTls node(data.Release(), dataplane::ServerOf(authority_, parent_),
                     dataplane::TlsRole::kServer);
    if (node.Handshake() != BlockingTls::Outcome::kDone) return "";
    return node.Read(33).data;
  }

  const std::string home_ = absl::StrCat(testing::TempDir(), "/child");
  const TestAuthority authority_{"authority"};
  const Issued parent_ = authority_.Issue(
      {.name = "parent", .alternatives = "IP:127.0.0.1,DNS:lab1"});
  std::unique_ptr<FollowClients> tls_clients_;
};

TEST_F(ParentLinkTlsTest, GivesTheTicketToTheNodeThatIsMeant) {
  const ScriptedNode parent(ServeTls(data_), ForCalls());
  NodePlan::Node node = parent.node();
  node.certificate_name = "lab1";
  OpenTls({node});
  std::string said;
  std::thread answer([&] { said = Answer(data_); });
  // Open until all of it is read: its end is a reset.
  const auto connection = Connect(0);
  answer.join();
  EXPECT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(said, std::string(32, 't') + '\0');
  EXPECT_TRUE(parent.requests().front().tls());
  EXPECT_EQ(parent.requests().front().fleet_node(), "lab3");
}

TEST_F(ParentLinkTlsTest, GivesNoTicketToANodeWithAnothersCertificate) {
  const ScriptedNode parent(ServeTls(data_), ForCalls());
  NodePlan::Node node = parent.node();
  node.certificate_name = "lab2";
  OpenTls({node});
  std::string said;
  std::thread answer([&] { said = Answer(data_); });
  const absl::Status status = Connect(0).status();
  answer.join();
  EXPECT_EQ(said, "");
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"lab2\""));
}

// It may be one of an earlier release, which does not say what it sends.
TEST_F(ParentLinkTlsTest, TakesNothingInClearText) {
  const ScriptedNode parent(Serve(data_), ForCalls());
  OpenTls({parent.node()});
  const absl::Status status = Connect(0).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("in clear text"));
}

}  // namespace
}  // namespace tcptool::server
