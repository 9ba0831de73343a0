#include "text/characters.h"

#include <gtest/gtest.h>

namespace tcptool {
namespace {

TEST(PrintableTest, KeepsWhatOnlyLooksUnusual) {
  for (const char* text : {"", "a b", "\u00e4", "\u20ac", "\u65e5\u672c",
                           "\U0001f4be", "e\u0301", "\u05d0"}) {
    EXPECT_EQ(Printable(text), text);
  }
}

TEST(PrintableTest, ReplacesWhatSteersATerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\r\n\x7f"), "a?[2Jb???");
  // ESC [ as one character, and the end of a terminal's string.
  EXPECT_EQ(Printable("\u009b2J\u009c"), "?2J?");
}

TEST(PrintableTest, ReplacesWhatReordersOrHidesText) {
  // Overrides, embeddings, isolates and marks of the bidirectional algorithm.
  for (const char* text :
       {"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067",
        "\u2068", "\u2069", "\u200e", "\u200f", "\u061c"}) {
    EXPECT_EQ(Printable(text), "?");
  }
  // No width, a soft hyphen, separators of lines and of paragraphs.
  for (const char* text : {"\u200b", "\ufeff", "\u00ad", "\u2028", "\u2029"}) {
    EXPECT_EQ(Printable(text), "?");
  }
}

TEST(PrintableTest, ReplacesEachByteThatIsNoUtf8) {
  EXPECT_EQ(Printable("a\x80z"), "a?z");
  EXPECT_EQ(Printable("\xc0\xa2"), "??");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "???");
  EXPECT_EQ(Printable("\xe2\x82"), "??");
}

TEST(ToUtf8Test, ReplacesBytesAndNoCharacters) {
  EXPECT_EQ(ToUtf8("a\x80z"), "a?z");
  EXPECT_EQ(ToUtf8("\xe2\x82"), "??");
  EXPECT_EQ(ToUtf8("a\x1b\n\u202e\u65e5"), "a\x1b\n\u202e\u65e5");
}

TEST(ColumnsTest, CountsTheCellsOfATerminal) {
  EXPECT_EQ(Columns(""), 0);
  EXPECT_EQ(Columns("node-1"), 6);
  EXPECT_EQ(Columns("\u00e4"), 1);
  EXPECT_EQ(Columns("\u65e5\u672c"), 4);
  EXPECT_EQ(Columns("\uff21"), 2);  // A full-width A.
  EXPECT_EQ(Columns("\U0001f4be"), 2);
  EXPECT_EQ(Columns("e\u0301"), 1);
}

TEST(TruncateTest, NeverTakesMoreThanThereIsRoomFor) {
  EXPECT_EQ(Truncate("abc", 2), "ab");
  EXPECT_EQ(Truncate("abc", 3), "abc");
  EXPECT_EQ(Truncate("\u65e5\u672c", 3), "\u65e5");
  EXPECT_EQ(Truncate("\u65e5\u672c", 4), "\u65e5\u672c");
  EXPECT_EQ(Truncate("\u65e5", 1), "");
  // An accent stays with its letter.
  EXPECT_EQ(Truncate("e\u0301a", 1), "e\u0301");
  EXPECT_EQ(Truncate("", 0), "");
}

}  // namespace
}  // namespace tcptool
