// The order of changes, and what is forgotten of it.
#include "server/watch/change_log.h"

#include <gtest/gtest.h>

#include <string>

namespace tcptool::server {
namespace {

using Log = ChangeLog<int, std::string>;

std::vector<int> KeysAfter(const Log& log, int64_t revision) {
  std::vector<int> keys;
  for (auto next = log.After(revision); next != log.end(); ++next) {
    if (const int* key = std::get_if<int>(&next->second)) keys.push_back(*key);
  }
  return keys;
}

TEST(ChangeLogTest, ObjectHasOneEntryAtItsNewestState) {
  Log log(100);
  int64_t one = 0;
  int64_t two = 0;
  log.Append(one, 1);
  log.Append(two, 2);
  EXPECT_EQ(KeysAfter(log, 100), (std::vector<int>{1, 2}));
  log.Append(one, 1);
  EXPECT_EQ(KeysAfter(log, 100), (std::vector<int>{2, 1}));
  EXPECT_EQ(KeysAfter(log, two), std::vector<int>{1});
  EXPECT_EQ(log.revision(), one);
}

TEST(ChangeLogTest, DeletionTakesThePlaceOfTheObject) {
  Log log(0);
  int64_t one = 0;
  log.Append(one, 1);
  log.AppendDeletion(one, "one");
  ASSERT_NE(log.After(0), log.end());
  EXPECT_EQ(std::get<std::string>(log.After(0)->second), "one");
  EXPECT_TRUE(KeysAfter(log, 0).empty());
}

TEST(ChangeLogTest, RevisionsBehindForgottenDeletionsAreNotRemembered) {
  Log log(0);
  for (size_t i = 0; i < Log::kMaxDeletions; ++i) log.AppendDeletion(0, "");
  EXPECT_TRUE(log.Remembers(0));
  log.AppendDeletion(0, "");
  EXPECT_FALSE(log.Remembers(0));
  EXPECT_TRUE(log.Remembers(1));
  EXPECT_EQ(log.oldest(), 1);
  EXPECT_FALSE(log.Remembers(log.revision() + 1));
}

}  // namespace
}  // namespace tcptool::server
