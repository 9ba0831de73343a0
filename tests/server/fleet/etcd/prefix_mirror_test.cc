#include "server/fleet/etcd/prefix_mirror.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

etcdserverpb::KeyValue Key(const std::string& key, int64_t revision) {
  etcdserverpb::KeyValue made;
  made.set_key(key);
  made.set_value(absl::StrCat("at ", revision));
  made.set_mod_revision(revision);
  return made;
}

void AddPut(const std::string& key, int64_t revision,
            etcdserverpb::WatchResponse& response) {
  *response.add_events()->mutable_kv() = Key(key, revision);
}

etcdserverpb::WatchResponse Put(const std::string& key, int64_t revision) {
  etcdserverpb::WatchResponse response;
  AddPut(key, revision, response);
  return response;
}

etcdserverpb::WatchResponse Delete(const std::string& key, int64_t revision) {
  etcdserverpb::WatchResponse response = Put(key, revision);
  response.mutable_events(0)->set_type(etcdserverpb::Event::DELETE);
  return response;
}

// Each as "+key@revision" or "-key".
std::vector<std::string> Told(const PrefixMirror::Changes& changes) {
  std::vector<std::string> told;
  for (const PrefixChange& change : changes) {
    told.push_back(
        change.kind == PrefixChange::Kind::kDelete
            ? absl::StrCat("-", change.key)
            : absl::StrCat("+", change.key, "@", change.entry.mod_revision));
  }
  return told;
}

PrefixMirror Listed(const std::vector<etcdserverpb::KeyValue>& keys,
                    int64_t revision) {
  PrefixMirror mirror;
  mirror.BeginList();
  mirror.EndList(keys, revision);
  return mirror;
}

TEST(PrefixMirror, TellsAllOfTheFirstList) {
  PrefixMirror mirror;
  EXPECT_EQ(mirror.revision(), 0);
  mirror.BeginList();
  EXPECT_THAT(Told(mirror.EndList({Key("a", 2), Key("b", 3)}, 7)),
              ElementsAre("+a@2", "+b@3"));
  EXPECT_EQ(mirror.revision(), 7);
  EXPECT_EQ(mirror.entries().at("b").value, "at 3");
}

TEST(PrefixMirror, TellsEventsAfterTheList) {
  PrefixMirror mirror = Listed({Key("a", 2)}, 7);
  EXPECT_THAT(Told(mirror.Apply(Put("a", 8))), ElementsAre("+a@8"));
  EXPECT_THAT(Told(mirror.Apply(Delete("a", 9))), ElementsAre("-a"));
  EXPECT_EQ(mirror.revision(), 9);
  EXPECT_THAT(mirror.entries(), IsEmpty());
}

TEST(PrefixMirror, TellsAllEventsOfOneTransaction) {
  PrefixMirror mirror = Listed({}, 7);
  etcdserverpb::WatchResponse response = Put("a", 8);
  AddPut("b", 8, response);
  EXPECT_THAT(Told(mirror.Apply(response)), ElementsAre("+a@8", "+b@8"));
}

TEST(PrefixMirror, TellsNothingTwice) {
  PrefixMirror mirror = Listed({Key("a", 2)}, 7);
  EXPECT_THAT(Told(mirror.Apply(Put("a", 2))), IsEmpty());
  mirror.Apply(Put("b", 8));
  EXPECT_THAT(Told(mirror.Apply(Put("b", 8))), IsEmpty());
  mirror.BeginList();
  EXPECT_THAT(Told(mirror.EndList({Key("a", 2), Key("b", 8)}, 9)), IsEmpty());
}

TEST(PrefixMirror, AListTellsWhatTheWatchHasMissedDeletionsIncluded) {
  PrefixMirror mirror = Listed({Key("a", 2), Key("b", 3), Key("c", 4)}, 7);
  mirror.BeginList();
  EXPECT_THAT(Told(mirror.EndList({Key("b", 9), Key("c", 4), Key("d", 8)}, 10)),
              ElementsAre("+b@9", "+d@8", "-a"));
  // Its events come after all.
  EXPECT_THAT(Told(mirror.Apply(Put("b", 9))), IsEmpty());
  EXPECT_THAT(Told(mirror.Apply(Delete("a", 10))), IsEmpty());
}

TEST(PrefixMirror, AListThatIsOlderThanEventsUndoesNone) {
  PrefixMirror mirror = Listed({Key("a", 2), Key("b", 3)}, 7);
  mirror.BeginList();
  mirror.Apply(Put("a", 9));
  mirror.Apply(Delete("b", 10));
  mirror.Apply(Put("c", 11));
  EXPECT_THAT(Told(mirror.EndList({Key("a", 2), Key("b", 3)}, 8)), IsEmpty());
  EXPECT_EQ(mirror.revision(), 11);
  EXPECT_EQ(mirror.entries().at("a").mod_revision, 9);
  EXPECT_FALSE(mirror.entries().contains("b"));
  EXPECT_TRUE(mirror.entries().contains("c"));
}

TEST(PrefixMirror, AListOfAnEtcdThatHasGoneBackIsAllThereIs) {
  PrefixMirror mirror =
      Listed({Key("a", 2), Key("b", 3), Key("c", 12), Key("d", 13)}, 20);
  mirror.BeginList();
  EXPECT_FALSE(mirror.HasGoneBack({Key("a", 2), Key("c", 12)}, 20));
  EXPECT_TRUE(mirror.HasGoneBack({Key("a", 2)}, 8));
  etcdserverpb::KeyValue made_anew = Key("d", 7);
  made_anew.set_create_revision(7);
  EXPECT_THAT(Told(mirror.EndList({Key("a", 2), Key("c", 5), made_anew}, 8)),
              ElementsAre("-b", "-d", "+c@5", "+d@7"));
  EXPECT_EQ(mirror.revision(), 8);
  EXPECT_THAT(Told(mirror.Apply(Put("c", 9))), ElementsAre("+c@9"));
}

TEST(PrefixMirror, AnEtcdThatHasComeAsFarAgainIsKnownByOlderKeys) {
  PrefixMirror mirror = Listed({Key("a", 6), Key("b", 7)}, 7);
  mirror.BeginList();
  EXPECT_THAT(Told(mirror.EndList({Key("a", 5), Key("c", 8)}, 9)),
              ElementsAre("-b", "+a@5", "+c@8"));
}

TEST(PrefixMirror, AKeyMayComeBackWhileAListIsOnItsWay) {
  PrefixMirror mirror = Listed({Key("a", 2)}, 7);
  mirror.BeginList();
  mirror.Apply(Delete("a", 8));
  EXPECT_THAT(Told(mirror.EndList({Key("a", 9)}, 9)), ElementsAre("+a@9"));
}

}  // namespace
}  // namespace tcptool::fleet
