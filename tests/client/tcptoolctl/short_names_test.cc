#include "client/tcptoolctl/short_names.h"

#include <gtest/gtest.h>

#include <string>

namespace tcptool {
namespace {

TEST(ShortNamesTest, ShowsNamesAsTheyAre) {
  const ShortNames names({"", "a", "a.example.com", "\x1b[1m"});
  EXPECT_EQ(names.Widest(), 13);
  EXPECT_EQ(names.Of(""), "");
  EXPECT_EQ(names.Of("a.example.com"), "a.example.com");
  EXPECT_EQ(names.Of("\x1b[1m"), "?[1m");
}

TEST(ShortNamesTest, LeavesOutTheDomainThatIsShared) {
  ShortNames names({"a.one.example.com", "b.two.example.com", "c"});
  names.DropDomain();
  EXPECT_EQ(names.Of("a.one.example.com"), "a.one");
  EXPECT_EQ(names.Of("b.two.example.com"), "b.two");
  EXPECT_EQ(names.Of("c"), "c");
}

TEST(ShortNamesTest, KeepsTheDomainWhereNamesWouldBeTheSame) {
  ShortNames names({"a", "a.example.com"});
  names.DropDomain();
  EXPECT_EQ(names.Of("a.example.com"), "a.example.com");
}

TEST(ShortNamesTest, KeepsDomainsThatAreNotShared) {
  ShortNames names({"a.example.com", "b.example.org"});
  names.DropDomain();
  EXPECT_EQ(names.Of("a.example.com"), "a.example.com");
}

TEST(ShortNamesTest, KeepsAddresses) {
  ShortNames names({"10.1.0.5", "10.2.0.5"});
  names.DropDomain();
  EXPECT_EQ(names.Of("10.1.0.5"), "10.1.0.5");
}

TEST(ShortNamesTest, CutsInTheMiddleWhatIsTooWide) {
  ShortNames names({"worker-of-cluster-17", "worker-of-cluster-18", "short"});
  names.Cut(10);
  EXPECT_EQ(names.Of("worker-of-cluster-17"), "wor\u2026ter-17");
  EXPECT_EQ(names.Of("short"), "short");
  EXPECT_EQ(names.Widest(), 10);
}

TEST(ShortNamesTest, CutsWhereNamesAreToldApart) {
  ShortNames names({"one-of-the-workers", "two-of-the-workers",
                    "abc-of-the-workers", "abd-of-the-workers"});
  names.Cut(7);
  EXPECT_EQ(names.Of("abc-of-the-workers"), "abc\u2026ers");
  EXPECT_EQ(names.Of("abd-of-the-workers"), "abd\u2026ers");
}

TEST(ShortNamesTest, CutsNoCharacterInTwo) {
  const std::string wide = "\u65e5\u672c\u65e5\u672c\u65e5\u672c";
  ShortNames names({wide});
  names.Cut(8);
  EXPECT_EQ(names.Of(wide), "\u65e5\u2026\u65e5\u672c");
}

}  // namespace
}  // namespace tcptool
