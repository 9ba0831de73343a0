#include "client/tcptoolctl/redraw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace tcptool {
namespace {

using Lines = std::vector<std::string>;

constexpr size_t kColumns = 10;

// A terminal that knows what Redraw() uses, and no more.
class Terminal {
 public:
  void Write(absl::string_view text) {
    while (!text.empty()) {
      if (absl::ConsumePrefix(&text, "\x1b[")) {
        Control(text);
      } else {
        Show(text.front());
        text.remove_prefix(1);
      }
    }
  }

  // Without what follows the last character of each; and where the cursor is.
  Lines lines() const {
    Lines shown;
    for (const std::string& line : lines_) {
      shown.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
    }
    return shown;
  }
  size_t row() const { return row_; }
  size_t column() const { return column_; }

 private:
  void Control(absl::string_view& text) {
    const size_t end = text.find_first_not_of("0123456789");
    size_t count = 1;
    if (end > 0) {
      ASSERT_TRUE(absl::SimpleAtoi(text.substr(0, end), &count));
    }
    const char function = text[end];
    text.remove_prefix(end + 1);
    std::string& line = lines_[row_];
    // On the last character of a full line, not behind it.
    const size_t column = std::min(column_, kColumns - 1);
    switch (function) {
      case 'A':
        ASSERT_LE(count, row_);
        row_ -= count;
        return;
      case 'K':
        line.resize(std::min(line.size(), column));
        return;
      case 'J':
        line.resize(std::min(line.size(), column));
        lines_.resize(row_ + 1);
        return;
      default:
        FAIL() << "control function " << function;
    }
  }

  void Show(char character) {
    if (character == '\r') {
      column_ = 0;
      return;
    }
    if (character == '\n') {  // The terminal driver adds the \r.
      column_ = 0;
      lines_.resize(std::max(lines_.size(), ++row_ + 1));
      return;
    }
    ASSERT_LT(column_, kColumns);
    std::string& line = lines_[row_];
    line.resize(std::max(line.size(), column_ + 1), ' ');
    line[column_++] = character;
  }

  Lines lines_ = {""};
  size_t row_ = 0;
  size_t column_ = 0;
};

TEST(RedrawTest, WritesWhatDiffersAlone) {
  EXPECT_EQ(Redraw({"one", "two"}, {"one", "2"}, kColumns),
            "\x1b[2A\r\n2\x1b[K\n");
  EXPECT_EQ(Redraw({"one", "two"}, {"one"}, kColumns), "\x1b[2A\r\n\x1b[J");
  EXPECT_EQ(Redraw({}, {"one"}, kColumns), "one\x1b[K\n");
}

TEST(RedrawTest, StaysInTheOnlyRow) {
  EXPECT_EQ(RedrawOnly("one", kColumns), "\rone\x1b[K");
  const std::string full(kColumns, 'x');
  EXPECT_EQ(RedrawOnly(full, kColumns), absl::StrCat("\r", full));
}

TEST(RedrawTest, ErasesNothingOfAFullLine) {
  const std::string full(kColumns, 'x');
  EXPECT_EQ(Redraw({"one"}, {full}, kColumns),
            absl::StrCat("\x1b[1A\r", full, "\n"));
}

TEST(RedrawTest, LeavesWhatWasToBeDrawnAndTheCursorBelow) {
  std::mt19937 random(1);
  const auto number = [&](size_t most) {
    return std::uniform_int_distribution<size_t>(0, most)(random);
  };
  Terminal terminal;
  terminal.Write("$ watch\n");
  Lines before;
  for (int i = 0; i < 2000; ++i) {
    Lines after(number(6));
    for (std::string& line : after) {
      line = std::string(number(kColumns), static_cast<char>('a' + number(2)));
    }
    terminal.Write(Redraw(before, after, kColumns));
    Lines expected = {"$ watch"};
    expected.insert(expected.end(), after.begin(), after.end());
    expected.emplace_back();
    ASSERT_EQ(terminal.lines(), expected);
    ASSERT_EQ(terminal.row(), expected.size() - 1);
    ASSERT_EQ(terminal.column(), 0);
    before = after;
  }
}

}  // namespace
}  // namespace tcptool
