#include "text/characters.h"

#include <utf8proc.h>

namespace tcptool {
namespace {

size_t Width(Character character) {
  // utf8proc gives unsafe characters the width 0; Printable() shows a '?'.
  if (IsUnsafe(character)) return 1;
  return static_cast<size_t>(utf8proc_charwidth(character.code_point));
}

bool IsNoUtf8(Character character) { return character.code_point < 0; }

std::string Replace(absl::string_view text, bool (*is_wrong)(Character)) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    if (is_wrong(character)) {
      result += '?';
    } else {
      result.append(text.data(), character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return result;
}

}  // namespace

Character FirstCharacter(absl::string_view text) {
  utf8proc_int32_t code_point = -1;
  const utf8proc_ssize_t bytes =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  if (bytes <= 0) return {};
  return {.code_point = code_point, .bytes = static_cast<size_t>(bytes)};
}

bool IsUnsafe(Character character) {
  if (IsNoUtf8(character)) return true;
  switch (utf8proc_category(character.code_point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    default:
      return false;
  }
}

std::string Printable(absl::string_view text) {
  return Replace(text, IsUnsafe);
}

std::string ToUtf8(absl::string_view text) { return Replace(text, IsNoUtf8); }

size_t Columns(absl::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    columns += Width(character);
    text.remove_prefix(character.bytes);
  }
  return columns;
}

absl::string_view Truncate(absl::string_view line, size_t columns) {
  size_t end = 0;
  while (end < line.size()) {
    const Character character = FirstCharacter(line.substr(end));
    const size_t width = Width(character);
    if (width > columns) break;
    columns -= width;
    end += character.bytes;
  }
  return line.substr(0, end);
}

}  // namespace tcptool
