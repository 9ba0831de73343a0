// TLS, users and permissions, against one real member.
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/certificates.h"
#include "tests/server/fleet/etcd/etcd_cluster.h"
#include "tests/server/fleet/etcd/watched_prefix.h"

namespace tcptool::fleet {
namespace {

using ::testing::HasSubstr;

std::string Write(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream(path) << text;
  return path;
}

TEST(EtcdTls, BothEndsShowTheirCertificates) {
  const server::TestAuthority authority("authority");
  const auto member =
      authority.Issue({.name = "etcd", .alternatives = "DNS:etcd.example"});
  const auto node = authority.Issue({.name = "node"});
  const std::string ca = server::ToPem(authority.certificate());
  const EtcdCluster etcd(
      {.flags = {"--client-cert-auth",
                 absl::StrCat("--trusted-ca-file=", Write("ca.pem", ca)),
                 absl::StrCat(
                     "--cert-file=",
                     Write("cert.pem", server::ToPem(member.certificate))),
                 absl::StrCat("--key-file=",
                              Write("key.pem", server::ToPem(member.key)))},
       .tls = true});
  EtcdOptions options = etcd.client_options();
  options.tls_ca = ca;
  options.tls_cert = server::ToPem(node.certificate);
  options.tls_key = server::ToPem(node.key);
  options.tls_server_name = "etcd.example";
  {
    ClientThread client(options);
    while (!client.Put("a", "1").ok()) {
    }
    EXPECT_EQ(*client.Get("a"), "1");
  }
  options.timeout = std::chrono::milliseconds(300);
  {
    EtcdOptions other = options;
    other.tls_server_name = "other.example";
    EXPECT_EQ(ClientThread(other).Get("a").status().code(),
              absl::StatusCode::kUnavailable);
  }
  {
    EtcdOptions anonymous = options;
    anonymous.tls_cert = anonymous.tls_key = "";
    EXPECT_EQ(ClientThread(anonymous).Get("a").status().code(),
              absl::StatusCode::kUnavailable);
  }
}

class EtcdUsers : public ::testing::Test {
 protected:
  EtcdUsers() {
    const bool is_set_up =
        etcd_.Control("user add root:secret") &&
        etcd_.Control("user grant-role root root") &&
        etcd_.Control("role add fleet") &&
        etcd_.Control("role grant-permission fleet readwrite p/ p0") &&
        etcd_.Control("user add node:word") &&
        etcd_.Control("user grant-role node fleet") &&
        etcd_.Control("auth enable");
    EXPECT_TRUE(is_set_up) << "see " << etcd_.directory() << "/control";
  }
  EtcdOptions OptionsOf(const std::string& user, const std::string& password) {
    EtcdOptions options = etcd_.client_options();
    options.user = user;
    options.password = password;
    return options;
  }

  const EtcdCluster etcd_;
};

TEST_F(EtcdUsers, MayDoWhatTheyAreAllowed) {
  ClientThread node(OptionsOf("node", "word"));
  EXPECT_EQ(node.Put("p/a", "1"), absl::OkStatus());
  WatchedPrefix watched(node, {.prefix = "p/"});
  watched.WaitFor("p/a", "1");
  EXPECT_EQ(node.Put("p/a", "2"), absl::OkStatus());
  watched.WaitFor("p/a", "2");
}

TEST_F(EtcdUsers, AreToldWhatTheyMayNotDo) {
  ClientThread node(OptionsOf("node", "word"));
  const absl::Status status = node.Put("q", "1");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("grant a role"));
  WatchedPrefix watched(node, {.prefix = "q"});
  watched.WaitForTrouble(absl::StatusCode::kPermissionDenied);
}

TEST_F(EtcdUsers, AreToldThatTheyAreNotKnown) {
  ClientThread wrong(OptionsOf("node", "other"));
  EXPECT_EQ(wrong.Get("p/a").status().code(),
            absl::StatusCode::kUnauthenticated);
  ClientThread nobody(etcd_.client_options());
  EXPECT_EQ(nobody.Put("p/a", "1").code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(EtcdUsers, LoseAPermissionWhileTheyWatchAndGetItBack) {
  ClientThread node(OptionsOf("node", "word"));
  ASSERT_EQ(node.Put("p/a", "1"), absl::OkStatus());
  WatchedPrefix watched(
      node, {.prefix = "p/", .list_interval = std::chrono::milliseconds(100)});
  watched.WaitFor("p/a", "1");
  const std::string root = " --user root:secret";
  ASSERT_TRUE(etcd_.Control("role revoke-permission fleet p/ p0" + root));
  watched.WaitForTrouble(absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(node.Put("p/a", "2").code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(
      etcd_.Control("role grant-permission fleet readwrite p/ p0" + root));
  ASSERT_EQ(node.Put("p/a", "3"), absl::OkStatus());
  watched.WaitFor("p/a", "3");
}

TEST_F(EtcdUsers, GetANewTokenWhenTheirsIsNotValidAnyMore) {
  ClientThread node(OptionsOf("node", "word"));
  ASSERT_EQ(node.Put("p/a", "1"), absl::OkStatus());
  // Ends all tokens of the user.
  ASSERT_TRUE(
      etcd_.Control("user passwd node --interactive=false --user root:secret "
                    "<<EOF\nword\nEOF"));
  EXPECT_EQ(node.Put("p/a", "2"), absl::OkStatus());
}

TEST(EtcdWithoutUsers, TakesAClientThatHasOne) {
  const EtcdCluster etcd;
  EtcdOptions options = etcd.client_options();
  options.user = "node";
  options.password = "word";
  ClientThread client(options);
  EXPECT_EQ(client.Put("a", "1"), absl::OkStatus());
  EXPECT_EQ(*client.Get("a"), "1");
}

}  // namespace
}  // namespace tcptool::fleet
