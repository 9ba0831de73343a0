#include "server/fleet/etcd/prefix_watch.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/etcd/fake_etcd.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

etcdserverpb::KeyValue Key(const std::string& key, int64_t revision) {
  etcdserverpb::KeyValue made;
  made.set_key(key);
  made.set_mod_revision(revision);
  return made;
}

class PrefixWatchTest : public ::testing::Test {
 protected:
  void Follow(const PrefixWatchOptions& options = {.prefix = "p/"}) {
    watch_ = std::make_unique<PrefixWatch>(
        thread_.get_executor(), &etcd_, options,
        PrefixWatch::Events{
            .changed =
                [this](const PrefixMirror::Changes& changes, int64_t revision) {
                  std::string told = absl::StrCat(revision, ":");
                  for (const PrefixChange& change : changes) {
                    absl::StrAppend(
                        &told,
                        change.kind == PrefixChange::Kind::kPut ? " +" : " -",
                        change.key);
                  }
                  changes_.push_back(told);
                },
            .trouble =
                [this](const absl::Status& status) {
                  trouble_.push_back(status);
                }});
  }
  void AnswerList(const std::vector<etcdserverpb::KeyValue>& keys,
                  int64_t revision, bool more = false) {
    etcdserverpb::RangeResponse response;
    for (const auto& key : keys) *response.add_kvs() = key;
    response.mutable_header()->set_revision(revision);
    response.set_more(more);
    const auto call = etcd_.ranges.front();
    etcd_.ranges.pop_front();
    call.done(response, call.sent);
  }
  FakeEtcd::Stream& LastStream() { return *etcd_.streams.back(); }
  void Respond(const etcdserverpb::WatchResponse& response) {
    const auto respond = LastStream().events.response;
    respond(response);
  }
  void Begin() {
    etcdserverpb::WatchResponse response;
    response.set_created(true);
    Respond(response);
  }
  void EndStream(const absl::Status& status) {
    const auto end = LastStream().events.end;
    end(status);
  }
  void Put(const std::string& key, int64_t revision) {
    etcdserverpb::WatchResponse response;
    *response.add_events()->mutable_kv() = Key(key, revision);
    Respond(response);
  }
  void RunUntilStreams(size_t number) {
    while (etcd_.streams.size() < number) thread_.run_one();
  }
  void RunUntilListed() {
    while (etcd_.ranges.empty()) thread_.run_one();
  }

  // Until no timer is left.
  void RunToTheEnd() {
    work_.reset();
    thread_.run();
  }

  asio::io_context thread_;
  // It waits although there is nothing to wait for yet.
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  FakeEtcd etcd_;
  std::unique_ptr<PrefixWatch> watch_;
  std::vector<std::string> changes_;
  std::vector<absl::Status> trouble_;
};

TEST_F(PrefixWatchTest, ListsAndWatchesFromThereOn) {
  Follow();
  ASSERT_EQ(etcd_.ranges.size(), 1U);
  EXPECT_EQ(etcd_.ranges.front().request.key(), "p/");
  EXPECT_EQ(etcd_.ranges.front().request.range_end(), "p0");
  AnswerList({Key("p/a", 2)}, 7);
  EXPECT_THAT(changes_, ElementsAre("7: +p/a"));
  ASSERT_EQ(etcd_.streams.size(), 1U);
  EXPECT_EQ(LastStream().request.start_revision(), 8);
  Begin();
  Put("p/b", 9);
  EXPECT_THAT(changes_, ElementsAre("7: +p/a", "9: +p/b"));
  EXPECT_TRUE(watch_->entries().contains("p/b"));
}

TEST_F(PrefixWatchTest, SaysSoWhenThereIsNothing) {
  Follow();
  AnswerList({}, 7);
  EXPECT_THAT(changes_, ElementsAre("7:"));
}

TEST_F(PrefixWatchTest, ListsPageByPageAtOneRevision) {
  Follow({.prefix = "p/", .page_size = 1});
  AnswerList({Key("p/a", 2)}, 7, true);
  ASSERT_EQ(etcd_.ranges.size(), 1U);
  EXPECT_EQ(etcd_.ranges.front().request.key(), std::string("p/a\0", 4));
  EXPECT_EQ(etcd_.ranges.front().request.revision(), 7);
  AnswerList({Key("p/b", 3)}, 9);
  EXPECT_THAT(changes_, ElementsAre("7: +p/a +p/b"));
}

TEST_F(PrefixWatchTest, GoesOnAfterTheLastEventWhenAStreamEnds) {
  Follow();
  AnswerList({}, 7);
  Begin();
  Put("p/a", 9);
  EndStream(absl::UnavailableError("connection reset"));
  EXPECT_EQ(trouble_.size(), 1U);
  EXPECT_FALSE(LastStream().is_open);
  RunUntilStreams(2);
  EXPECT_EQ(LastStream().request.start_revision(), 10);
  EXPECT_THAT(etcd_.ranges, IsEmpty());
}

TEST_F(PrefixWatchTest, ListsAtOnceWhenWhatItMissedIsCompacted) {
  Follow();
  AnswerList({Key("p/a", 2), Key("p/b", 3)}, 7);
  Begin();
  etcdserverpb::WatchResponse response;
  response.set_canceled(true);
  response.set_compact_revision(20);
  Respond(response);
  ASSERT_EQ(etcd_.ranges.size(), 1U);
  AnswerList({Key("p/b", 15)}, 21);
  EXPECT_THAT(changes_, ElementsAre("7: +p/a +p/b", "21: +p/b -p/a"));
  ASSERT_EQ(etcd_.streams.size(), 2U);
  EXPECT_EQ(LastStream().request.start_revision(), 22);
}

TEST_F(PrefixWatchTest, ListsAfterAPauseWhenItIsCancelled) {
  Follow();
  AnswerList({}, 7);
  etcdserverpb::WatchResponse response;
  response.set_created(true);
  response.set_canceled(true);
  response.set_cancel_reason("etcdserver: permission denied");
  Respond(response);
  ASSERT_EQ(trouble_.size(), 1U);
  EXPECT_EQ(trouble_[0].code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(etcd_.ranges, IsEmpty());
  RunUntilListed();
}

TEST_F(PrefixWatchTest, TriesAgainWhenAListFails) {
  Follow();
  etcd_.ranges.front().Answer(absl::UnavailableError("nobody is there"));
  etcd_.ranges.pop_front();
  EXPECT_EQ(trouble_.size(), 1U);
  RunUntilListed();
  AnswerList({}, 7);
  EXPECT_THAT(changes_, ElementsAre("7:"));
}

TEST_F(PrefixWatchTest, ListsAnewWhenItsRevisionIsCompactedBetweenPages) {
  Follow();
  AnswerList({Key("p/a", 2)}, 7, true);
  etcd_.ranges.front().Answer(absl::OutOfRangeError("compacted"));
  etcd_.ranges.pop_front();
  RunUntilListed();
  EXPECT_EQ(etcd_.ranges.front().request.revision(), 0);
  AnswerList({Key("p/b", 9)}, 9);
  EXPECT_THAT(changes_, ElementsAre("9: +p/b"));
}

TEST_F(PrefixWatchTest, AsksAnotherWhenAWatchDoesNotBegin) {
  Follow({.prefix = "p/", .begin_timeout = std::chrono::milliseconds(10)});
  AnswerList({}, 7);
  RunUntilStreams(2);
  EXPECT_FALSE(etcd_.streams.front()->is_open);
  EXPECT_TRUE(LastStream().is_open);
}

TEST_F(PrefixWatchTest, ListsAgainAndAgainAndTellsWhatTheWatchHasNot) {
  Follow({.prefix = "p/", .list_interval = std::chrono::milliseconds(10)});
  AnswerList({Key("p/a", 2)}, 7);
  Begin();
  RunUntilListed();
  AnswerList({Key("p/a", 2)}, 7);
  EXPECT_EQ(changes_.size(), 1U);
  RunUntilListed();
  AnswerList({}, 9);
  EXPECT_THAT(changes_, ElementsAre("7: +p/a", "9: -p/a"));
  EXPECT_EQ(etcd_.streams.size(), 1U);
}

TEST_F(PrefixWatchTest, ListsAgainAlsoIfTheWatchEndsAfterAListHasFailed) {
  Follow({.prefix = "p/", .list_interval = std::chrono::milliseconds(10)});
  AnswerList({Key("p/a", 2)}, 7);
  Begin();
  RunUntilListed();
  etcd_.ranges.front().Answer(absl::UnavailableError("nobody is there"));
  etcd_.ranges.pop_front();
  EndStream(absl::UnavailableError("connection reset"));
  RunUntilStreams(2);
  RunUntilListed();
  AnswerList({}, 9);
  EXPECT_THAT(changes_, ElementsAre("7: +p/a", "9: -p/a"));
}

TEST_F(PrefixWatchTest, AnAnswerToAListThatWasGivenUpIsNotTaken) {
  Follow({.prefix = "p/", .list_interval = std::chrono::milliseconds(10)});
  AnswerList({Key("p/a", 2)}, 7);
  Begin();
  RunUntilListed();
  etcdserverpb::WatchResponse response;
  response.set_canceled(true);
  response.set_compact_revision(20);
  Respond(response);
  ASSERT_EQ(etcd_.ranges.size(), 2U);
  AnswerList({}, 8);
  EXPECT_EQ(changes_.size(), 1U);
  AnswerList({}, 21);
  EXPECT_THAT(changes_, ElementsAre("7: +p/a", "21: -p/a"));
}

TEST_F(PrefixWatchTest, GoesBackWithEtcd) {
  Follow();
  AnswerList({Key("p/a", 2), Key("p/b", 20)}, 20);
  Begin();
  EndStream(absl::UnavailableError("connection reset"));
  RunUntilStreams(2);
  etcdserverpb::WatchResponse created;
  created.set_created(true);
  created.mutable_header()->set_revision(5);
  Respond(created);
  ASSERT_EQ(etcd_.ranges.size(), 1U);
  AnswerList({Key("p/a", 2)}, 5);
  EXPECT_THAT(changes_, ElementsAre("20: +p/a +p/b", "5: -p/b"));
  ASSERT_EQ(etcd_.streams.size(), 3U);
  EXPECT_EQ(LastStream().request.start_revision(), 6);
  EXPECT_TRUE(absl::IsDataLoss(trouble_.back())) << trouble_.back();
}

TEST_F(PrefixWatchTest, AMemberThatIsBehindIsWaitedFor) {
  Follow();
  AnswerList({Key("p/a", 2)}, 20);
  etcdserverpb::WatchResponse created;
  created.set_created(true);
  created.mutable_header()->set_revision(19);
  Respond(created);
  AnswerList({Key("p/a", 2)}, 20);
  EXPECT_EQ(changes_.size(), 1U);
  EXPECT_EQ(etcd_.streams.size(), 1U);
  EXPECT_THAT(trouble_, IsEmpty());
}

TEST_F(PrefixWatchTest, TellsNothingWhenItIsGone) {
  Follow();
  AnswerList({}, 7);
  Begin();
  const auto respond = LastStream().events.response;
  watch_.reset();
  EXPECT_FALSE(LastStream().is_open);
  RunToTheEnd();
  EXPECT_EQ(changes_.size(), 1U);
}

TEST(EndOfPrefix, IsOneBehindTheLastKey) {
  EXPECT_EQ(EndOfPrefix("a/"), "a0");
  EXPECT_EQ(EndOfPrefix("a\xff\xff"), "b");
  EXPECT_EQ(EndOfPrefix("\xff"), std::string(1, '\0'));
}

}  // namespace
}  // namespace tcptool::fleet
