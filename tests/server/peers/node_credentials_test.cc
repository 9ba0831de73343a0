// The files that a node shows to others, which change.
#include "server/peers/node_credentials.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/dataplane/testing.h"
#include "tests/server/certificates.h"

namespace tcptool::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class NodeCredentialsTest : public testing::Test {
 protected:
  NodeCredentialsTest() {
    std::filesystem::remove_all(home);
    std::filesystem::create_directory(home);
    Write(peers.ca, ToPem(authority.certificate()));
    Write(peers.token_file, "first\n");
    Write(security.tls_cert, ToPem(issued.certificate));
    Write(security.tls_key, ToPem(issued.key));
  }

  // At once: nobody reads a part of it.
  static void Write(const std::string& path, const std::string& text) {
    const std::string part = path + ".part";
    std::ofstream(part) << text;
    std::filesystem::rename(part, path);
  }

  std::string WhyNot() const {
    return std::string(
        NodeCredentials::Load(peers, security).status().message());
  }

  static bool WaitForToken(const NodeCredentials& credentials,
                           const std::string& token) {
    const absl::Time deadline = absl::Now() + dataplane::kDeadline;
    while (credentials.token() != token) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return true;
  }

  const std::string home = absl::StrCat(testing::TempDir(), "/node");
  PeerOptions peers = {.ca = absl::StrCat(home, "/ca"),
                       .token_file = absl::StrCat(home, "/token")};
  SecurityOptions security = {.tls_cert = absl::StrCat(home, "/cert"),
                              .tls_key = absl::StrCat(home, "/key")};
  const TestAuthority authority{"authority"};
  const Issued issued = authority.Issue({.name = "node"});
};

TEST_F(NodeCredentialsTest, WithoutFilesThereAreNone) {
  const auto credentials = NodeCredentials::Load({}, {});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ((*credentials)->token(), "");
}

TEST_F(NodeCredentialsTest, SaysWhichFileIsWrong) {
  EXPECT_EQ(WhyNot(), "");
  Write(peers.token_file, "one two");
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--peer-token-file"),
                              HasSubstr("has more than one token")));
  Write(peers.token_file, " \n");
  EXPECT_THAT(WhyNot(), HasSubstr("has no token"));
  Write(peers.token_file, "first");
  Write(security.tls_key, ToPem(authority.Issue({.name = "other"}).key));
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--tls-key"),
                              HasSubstr("is not the key of the certificate")));
  Write(peers.ca, "no certificate");
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--peer-ca"),
                              HasSubstr("has no certificate in PEM")));
  std::filesystem::remove(peers.ca);
  EXPECT_THAT(WhyNot(), HasSubstr("No such file or directory"));
}

TEST_F(NodeCredentialsTest, TakesANewTokenAndKeepsItWhileTheFileIsWrong) {
  const auto credentials = *NodeCredentials::Load(peers, security);
  EXPECT_EQ(credentials->token(), "first");
  Write(peers.token_file, "second");
  EXPECT_TRUE(WaitForToken(*credentials, "second"));
  std::filesystem::remove(peers.token_file);
  Write(peers.ca, "no certificate");
  Write(peers.token_file, "third");
  // The files are read together.
  Write(peers.ca, ToPem(authority.certificate()));
  EXPECT_TRUE(WaitForToken(*credentials, "third"));
}

TEST_F(NodeCredentialsTest, WithoutTheSwitchContentGoesInClearText) {
  const auto credentials = *NodeCredentials::Load(peers, security, "lab1");
  EXPECT_EQ(credentials->fleet_node(), "lab1");
  EXPECT_FALSE(credentials->data_tls());
  EXPECT_EQ(credentials->data_client(), nullptr);
  EXPECT_EQ(credentials->data_server(), nullptr);
}

TEST_F(NodeCredentialsTest, DataConnectionsHaveTheCertificatesOfCalls) {
  peers.data_tls = true;
  // It gives nothing to others.
  auto credentials = *NodeCredentials::Load(peers, security);
  EXPECT_TRUE(credentials->data_tls());
  EXPECT_NE(credentials->data_client(), nullptr);
  EXPECT_EQ(credentials->data_server(), nullptr);
  peers.address = "127.0.0.1:0";
  security.tls_client_ca = absl::StrCat(home, "/client_ca");
  EXPECT_THAT(WhyNot(), AllOf(HasSubstr("--tls-client-ca"),
                              HasSubstr("No such file or directory")));
  Write(security.tls_client_ca, ToPem(authority.certificate()));
  credentials = *NodeCredentials::Load(peers, security);
  const auto client = credentials->data_client();
  const auto server = credentials->data_server();
  EXPECT_NE(client, nullptr);
  EXPECT_NE(server, nullptr);
  // What is replaced is used by the next connection.
  Write(peers.ca, ToPem(TestAuthority("new").certificate()));
  const absl::Time deadline = absl::Now() + dataplane::kDeadline;
  while (credentials->data_client() == client && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_NE(credentials->data_client(), client);
  EXPECT_NE(credentials->data_server(), server);
}

// A disk that does not answer is as a FIFO that nobody writes.
TEST_F(NodeCredentialsTest, DiskThatHangsHoldsUpNeitherCallsNorTheEnd) {
  auto credentials = *NodeCredentials::Load(peers, security);
  const std::string fifo = absl::StrCat(home, "/fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  std::filesystem::rename(fifo, peers.ca);
  // Opening it for writing succeeds once somebody reads it. It stays open, so
  // that the reader hangs until this process ends.
  int writer = -1;
  const absl::Time deadline = absl::Now() + dataplane::kDeadline;
  while (writer < 0 && absl::Now() < deadline) {
    writer = ::open(peers.ca.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    absl::SleepFor(absl::Milliseconds(10));
  }
  ASSERT_GE(writer, 0);
  EXPECT_EQ(credentials->token(), "first");
  EXPECT_NE(credentials->NewChannel("127.0.0.1:1"), nullptr);
  credentials = nullptr;
}

}  // namespace
}  // namespace tcptool::server
