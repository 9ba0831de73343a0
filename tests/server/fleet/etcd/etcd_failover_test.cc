// A cluster of three real members, of which some die, stand still, fall behind,
// or have no leader.
#include <signal.h>

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/etcd/etcd_cluster.h"
#include "tests/server/fleet/etcd/watched_prefix.h"

namespace tcptool::fleet {
namespace {

constexpr int kMembers = 3;

// Writes as a caller does that reads back what it does not know.
void PutSurely(ClientThread& client, const std::string& key,
               const std::string& value) {
  for (;;) {
    if (client.Put(key, value).ok()) return;
    const auto now = client.Get(key);
    if (now.ok() && *now == value) return;
  }
}

TEST(EtcdFailover, CallsAndWatchesGoOnWhicheverMemberIsKilled) {
  EtcdCluster etcd({.members = kMembers});
  ClientThread client(etcd.client_options());
  WatchedPrefix watched(client, {.prefix = "p/"});
  watched.WaitUntilListed();
  for (int i = 0; i < kMembers; ++i) {
    etcd.Kill(i);
    const std::string value = absl::StrCat("without ", i);
    PutSurely(client, "p/a", value);
    watched.WaitFor("p/a", value);
    etcd.Restart(i);
    // It is there again before the next one goes.
    EtcdOptions alone = etcd.client_options();
    alone.endpoints = {etcd.endpoint(i)};
    ClientThread member(alone);
    PutSurely(member, "p/b", value);
  }
}

TEST(EtcdFailover, CallsGoOnWhicheverMemberStandsStill) {
  EtcdCluster etcd({.members = kMembers});
  EtcdOptions options = etcd.client_options();
  options.try_timeout = std::chrono::milliseconds(500);
  ClientThread client(options);
  for (int i = 0; i < kMembers; ++i) {
    etcd.Signal(i, SIGSTOP);
    PutSurely(client, "a", absl::StrCat("without ", i));
    etcd.Signal(i, SIGCONT);
    EtcdOptions alone = etcd.client_options();
    alone.endpoints = {etcd.endpoint(i)};
    ClientThread member(alone);
    PutSurely(member, "a", absl::StrCat("with ", i));
  }
}

TEST(EtcdFailover, AWatchOfAMemberThatWasAwayIsToldWhatWasCompacted) {
  EtcdCluster etcd({.members = kMembers});
  EtcdOptions one = etcd.client_options();
  EtcdOptions others = one;
  one.endpoints = {etcd.endpoint(0)};
  others.endpoints = {etcd.endpoint(1), etcd.endpoint(2)};
  ClientThread client(one);
  ClientThread writer(others);
  PutSurely(client, "p/kept", "1");
  PutSurely(client, "p/deleted", "1");
  WatchedPrefix watched(client, {.prefix = "p/"});
  watched.WaitFor("p/deleted", "1");
  etcd.Kill(0);
  watched.WaitForTrouble(absl::StatusCode::kUnavailable);
  PutSurely(writer, "p/kept", "2");
  while (!writer.Delete("p/deleted").ok()) {
  }
  PutSurely(writer, "p/new", "1");
  absl::Status compacted;
  do {
    compacted = writer.Compact();
    // By an earlier try, which had no answer.
  } while (!compacted.ok() && !absl::IsOutOfRange(compacted));
  // It is asked for what it does not have yet, and then for what is gone.
  etcd.Restart(0);
  watched.WaitFor("p/kept", "2");
  watched.WaitFor("p/deleted", "");
  watched.WaitFor("p/new", "1");
}

TEST(EtcdFailover, AWatchLeavesAMemberThatHasNoLeader) {
  EtcdCluster etcd({.members = kMembers});
  EtcdOptions alone = etcd.client_options();
  alone.endpoints = {etcd.endpoint(0)};
  ClientThread client(alone);
  WatchedPrefix watched(client, {.prefix = "p/"});
  PutSurely(client, "p/a", "before");
  watched.WaitFor("p/a", "before");
  etcd.Signal(1, SIGSTOP);
  etcd.Signal(2, SIGSTOP);
  // Nothing is wrong with the connection: etcd ends the stream, and refuses a
  // write before it has done anything; or, where it has taken the write before
  // it saw that its leader is lost, never says what has become of it.
  watched.WaitForTrouble(absl::StatusCode::kUnavailable);
  EXPECT_THAT(client.Put("p/a", "never").code(),
              testing::AnyOf(absl::StatusCode::kUnavailable,
                             absl::StatusCode::kUnknown));
  etcd.Signal(1, SIGCONT);
  etcd.Signal(2, SIGCONT);
  PutSurely(client, "p/a", "after");
  watched.WaitFor("p/a", "after");
}

}  // namespace
}  // namespace tcptool::fleet
