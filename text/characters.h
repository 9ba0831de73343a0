// The characters of a text in UTF-8: which of them may be shown, and how wide
// they are on a terminal. Pure functions of Unicode's tables; no locale.
#ifndef TCPTOOL_TEXT_CHARACTERS_H_
#define TCPTOOL_TEXT_CHARACTERS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace tcptool {

// One code point, or one byte that belongs to none.
struct Character {
  int32_t code_point = -1;  // -1: the byte is no UTF-8 (RFC 3629).
  size_t bytes = 1;         // How many of the text it takes.
};

// The first character of `text`, which is not empty.
Character FirstCharacter(absl::string_view text);

// Whether the character is unsafe to show as it is: control characters, which
// steer terminals (ESC, and U+009B, which is ESC [ in one character); format
// characters, which are invisible or change the direction of the text around
// them (U+202E); separators of lines and paragraphs; bytes that are no UTF-8.
bool IsUnsafe(Character character);

// `text` with each unsafe character replaced by '?'.
std::string Printable(absl::string_view text);

// `text` with each byte that is no UTF-8 replaced by '?', and nothing else: for
// strings of Protobuf, of which a message with other bytes cannot be parsed.
std::string ToUtf8(absl::string_view text);

// How many cells `text`, which has no unsafe character, takes in a line of a
// terminal: two for a wide character of East Asia or an emoji, none for a
// combining accent.
size_t Columns(absl::string_view text);

// The longest beginning of `line` that takes at most so many columns.
absl::string_view Truncate(absl::string_view line, size_t columns);

}  // namespace tcptool

#endif  // TCPTOOL_TEXT_CHARACTERS_H_
