#include "client/tcptoolctl/short_names.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "text/characters.h"

namespace tcptool {
namespace {

using Shown = std::map<std::string, std::string>;

constexpr absl::string_view kMiddle = "\u2026";

// "host.example.com": ".example.com"; empty for "host".
absl::string_view Domain(absl::string_view name) {
  const size_t dot = name.find('.', 1);
  return dot == absl::string_view::npos ? "" : name.substr(dot);
}

absl::string_view CommonDomain(const Shown& shown) {
  absl::string_view common;
  bool is_first = true;
  for (const auto& [name, text] : shown) {
    const absl::string_view domain = Domain(text);
    if (domain.empty()) continue;
    if (std::exchange(is_first, false)) common = domain;
    while (!absl::EndsWith(domain, common)) common = Domain(common);
  }
  // Of addresses it would be the host.
  if (!common.empty() && absl::ascii_isdigit(common.back())) return "";
  return common;
}

size_t CountDistinct(const Shown& shown) {
  std::set<absl::string_view> texts;
  for (const auto& [name, text] : shown) texts.insert(text);
  return texts.size();
}

// The longest end of `text` that takes at most so many columns.
absl::string_view End(absl::string_view text, size_t columns) {
  while (Columns(text) > columns) {
    text.remove_prefix(FirstCharacter(text).bytes);
  }
  return text;
}

}  // namespace

ShortNames::ShortNames(const std::set<std::string>& names) {
  for (const std::string& name : names) shown_.emplace(name, Printable(name));
}

size_t ShortNames::Widest() const {
  size_t widest = 0;
  for (const auto& [name, text] : shown_) {
    widest = std::max(widest, Columns(text));
  }
  return widest;
}

void ShortNames::DropDomain() {
  const std::string domain(CommonDomain(shown_));
  if (domain.empty()) return;
  Shown without = shown_;
  for (auto& [name, text] : without) {
    if (absl::EndsWith(text, domain)) text.resize(text.size() - domain.size());
  }
  if (CountDistinct(without) == CountDistinct(shown_)) {
    shown_ = std::move(without);
  }
}

void ShortNames::Cut(size_t columns) {
  if (Widest() <= columns) return;
  const size_t room = columns - Columns(kMiddle);
  Shown best;
  size_t most = 0;
  // Names of machines differ at their ends more often than elsewhere.
  for (const size_t end : {room - room / 3, room / 2, room / 3}) {
    Shown cut = shown_;
    for (auto& [name, text] : cut) {
      if (Columns(text) <= columns) continue;
      text = absl::StrCat(Truncate(text, room - end), kMiddle, End(text, end));
    }
    const size_t distinct = CountDistinct(cut);
    if (distinct <= most) continue;
    most = distinct;
    best = std::move(cut);
  }
  shown_ = std::move(best);
}

}  // namespace tcptool
