// Watches of a prefix, against one real member.
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

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(EtcdWatch, TellsWhatThereIsAndWhatHappens) {
  const EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  ASSERT_EQ(thread.Put("p/a", "1"), absl::OkStatus());
  ASSERT_EQ(thread.Put("q", "not below the prefix"), absl::OkStatus());
  WatchedPrefix watched(thread, {.prefix = "p/"});
  watched.WaitFor("p/a", "1");
  ASSERT_EQ(thread.Put("p/b", "2"), absl::OkStatus());
  ASSERT_EQ(thread.Put("p/b", "3"), absl::OkStatus());
  ASSERT_EQ(thread.Delete("p/b"), absl::OkStatus());
  watched.WaitFor("p/b", "");
  EXPECT_THAT(watched.History("p/b"), ElementsAre("2", "3", ""));
  EXPECT_THAT(watched.History("q"), IsEmpty());
}

TEST(EtcdWatch, ListsManyKeysPageByPage) {
  const EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  for (int i = 0; i < 25; ++i) {
    ASSERT_EQ(thread.Put(absl::StrCat("p/", i), "x"), absl::OkStatus());
  }
  WatchedPrefix watched(thread, {.prefix = "p/", .page_size = 10});
  watched.WaitUntilListed();
  for (int i = 0; i < 25; ++i) {
    EXPECT_THAT(watched.History(absl::StrCat("p/", i)), ElementsAre("x"));
  }
}

TEST(EtcdWatch, GoesOnAfterTheServerWasKilled) {
  EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  WatchedPrefix watched(thread, {.prefix = "p/"});
  ASSERT_EQ(thread.Put("p/a", "before"), absl::OkStatus());
  watched.WaitFor("p/a", "before");
  etcd.Kill(0);
  watched.WaitForTrouble(absl::StatusCode::kUnavailable);
  etcd.Restart(0);
  while (!thread.Put("p/a", "after").ok()) {
  }
  watched.WaitFor("p/a", "after");
}

TEST(EtcdWatch, TellsWhatItMissedWhenThatIsCompacted) {
  EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  ASSERT_EQ(thread.Put("p/kept", "1"), absl::OkStatus());
  ASSERT_EQ(thread.Put("p/deleted", "1"), absl::OkStatus());
  // This client's server does not answer, but to the other client: the watch's
  // connection alone is broken, by a server that is killed and comes back with
  // more in it than the watch can be told of event by event.
  WatchedPrefix watched(thread, {.prefix = "p/"});
  watched.WaitFor("p/deleted", "1");
  {
    // Before the watch can come back, as it waits between its tries.
    ClientThread other(etcd.client_options());
    etcd.Kill(0);
    watched.WaitForTrouble(absl::StatusCode::kUnavailable);
    etcd.Restart(0);
    while (!other.Put("p/kept", "2").ok()) {
    }
    ASSERT_EQ(other.Delete("p/deleted"), absl::OkStatus());
    ASSERT_EQ(other.Put("p/new", "1"), absl::OkStatus());
    ASSERT_EQ(other.Compact(), absl::OkStatus());
  }
  watched.WaitFor("p/kept", "2");
  watched.WaitFor("p/deleted", "");
  watched.WaitFor("p/new", "1");
}

TEST(EtcdWatch, TellsByItsNextListWhatAWatchHasNot) {
  const EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  WatchedPrefix watched(
      thread, {.prefix = "p/", .list_interval = std::chrono::milliseconds(50)});
  // A key that comes and goes between two lists may not be told of at all.
  ASSERT_EQ(thread.Put("p/a", "first"), absl::OkStatus());
  watched.WaitFor("p/a", "first");
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(thread.Put("p/a", absl::StrCat(i)), absl::OkStatus());
  }
  ASSERT_EQ(thread.Delete("p/a"), absl::OkStatus());
  watched.WaitFor("p/a", "");
  // Lists between events tell nothing twice, and bring nothing back.
  const std::vector<std::string> history = watched.History("p/a");
  for (size_t i = 1; i < history.size(); ++i) {
    EXPECT_NE(history[i], history[i - 1]);
    EXPECT_EQ(history[i].empty(), i + 1 == history.size());
  }
}

}  // namespace
}  // namespace tcptool::fleet
