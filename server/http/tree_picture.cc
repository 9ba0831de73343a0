#include "server/http/tree_picture.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/http/html.h"
#include "server/http/tree_layout.h"
#include "text/characters.h"

namespace tcptool::server {
namespace {

// In CSS pixels.
constexpr size_t kRowHeight = 30;
constexpr size_t kColumnWidth = 22;
constexpr size_t kMargin = 18;
constexpr size_t kSign = 6;  // Half of it.
constexpr size_t kTextOffset = 18;
// Of a character of the page's font, at 14 pixels: rather too much.
constexpr size_t kCharacterWidth = 8;

// What is shown of one text.
constexpr size_t kMostColumns = 80;

std::string Shown(absl::string_view text) {
  const std::string printable = Printable(text);
  const absl::string_view shown = Truncate(printable, kMostColumns);
  return absl::StrCat(shown, shown.size() < printable.size() ? "..." : "");
}

size_t X(size_t column) { return kMargin + column * kColumnWidth; }
size_t Y(size_t row) { return row * kRowHeight + kRowHeight / 2; }

// Around (0, 0): another form for each, as colours are not told apart by all.
absl::string_view Sign(absl::string_view look) {
  if (look == "source") {
    return "<rect class=\"filled\" x=\"-6\" y=\"-6\" width=\"12\" "
           "height=\"12\"/>";
  }
  if (look == "delivered") {
    return "<circle class=\"filled\" r=\"6.5\"/>"
           "<path class=\"tick\" d=\"M-3 0 L-1 2.5 L3.5 -2.5\"/>";
  }
  if (look == "receiving" || look == "verifying") {
    return "<circle r=\"6\"/>"
           "<path class=\"filled\" d=\"M0 -6 A6 6 0 0 1 0 6 Z\"/>";
  }
  if (look == "failed") {
    return "<path class=\"cross\" d=\"M-5 -5 L5 5 M5 -5 L-5 5\"/>";
  }
  if (look == "cancelled") {
    return "<circle r=\"6\"/><path d=\"M-6 0 H6\"/>";
  }
  return "<circle r=\"6\"/>";
}

// From the parent down, and to the right where the child is not below it.
std::string Line(const TreePlace& parent, size_t parent_row,
                 const TreePlace& child, size_t row) {
  const size_t x = X(parent.column);
  const std::string begin =
      absl::StrCat("M", x, " ", Y(parent_row) + kSign + 1);
  if (child.column == parent.column) {
    return absl::StrCat(begin, " V", Y(row) - kSign - 1);
  }
  constexpr size_t kCorner = 8;
  return absl::StrCat(begin, " V", Y(row) - kCorner, " Q", x, " ", Y(row), " ",
                      x + kCorner, " ", Y(row), " H",
                      X(child.column) - kSign - 1);
}

class Picture {
 public:
  explicit Picture(const std::vector<TreeItem>& items) : items_(items) {
    std::vector<std::optional<size_t>> parents;
    for (const TreeItem& item : items) parents.push_back(item.parent);
    places_ = LayOutTree(std::move(parents));
    size_t columns = 0;
    for (const TreePlace& place : places_) {
      columns = std::max(columns, place.column);
    }
    text_x_ = X(columns) + kTextOffset;
    size_t longest = 0;
    for (const TreeItem& item : items) {
      longest = std::max(longest, Columns(Shown(item.name)) +
                                      Columns(Shown(item.alarms)) +
                                      Columns(Shown(item.facts)));
    }
    // With what stands between the three.
    width_ = text_x_ + (longest + 4) * kCharacterWidth;
  }

  std::string Svg(absl::string_view title,
                  absl::string_view description) const {
    const size_t height = places_.size() * kRowHeight;
    std::string svg = absl::StrCat(
        "<svg class=\"tree\" role=\"img\" aria-labelledby=\"tree-title\" "
        "aria-describedby=\"tree-description\" width=\"",
        width_, "\" height=\"", height, "\" viewBox=\"0 0 ", width_, " ",
        height, "\">\n<title id=\"tree-title\">", EscapeHtml(Printable(title)),
        "</title>\n<desc id=\"tree-description\">",
        EscapeHtml(Printable(description)), "</desc>\n");
    for (size_t row = 0; row < places_.size(); ++row) AppendRow(row, svg);
    return absl::StrCat(svg, "</svg>\n");
  }

 private:
  void AppendRow(size_t row, std::string& svg) const {
    const TreePlace& place = places_[row];
    const TreeItem& item = items_[place.item];
    absl::StrAppend(&svg, "<g class=\"", EscapeHtml(item.look), "\">");
    if (!item.alarms.empty() || item.look == "failed") {
      absl::StrAppend(&svg, "<rect class=\"frame\" x=\"1\" y=\"",
                      row * kRowHeight + 2, "\" width=\"", width_ - 2,
                      "\" height=\"", kRowHeight - 4, "\" rx=\"6\"/>");
    }
    if (place.parent_row) {
      absl::StrAppend(
          &svg, "<path class=\"line", item.has_moved ? " moved" : "", "\" d=\"",
          Line(places_[*place.parent_row], *place.parent_row, place, row),
          "\"/>");
    }
    absl::StrAppend(&svg, "<g class=\"sign\" transform=\"translate(",
                    X(place.column), " ", Y(row), ")\">", Sign(item.look),
                    "</g><text x=\"", text_x_, "\" y=\"", Y(row) + 5,
                    "\"><tspan class=\"name\">", EscapeHtml(Shown(item.name)),
                    "</tspan>");
    if (!item.alarms.empty()) {
      absl::StrAppend(&svg, " <tspan class=\"alarms\">",
                      EscapeHtml(Shown(item.alarms)), "</tspan>");
    }
    absl::StrAppend(&svg, " <tspan class=\"facts\">",
                    EscapeHtml(Shown(item.facts)), "</tspan></text></g>\n");
  }

  const std::vector<TreeItem>& items_;
  std::vector<TreePlace> places_;
  size_t text_x_ = 0;
  size_t width_ = 0;
};

}  // namespace

std::string TreePicture(absl::string_view title, absl::string_view description,
                        const std::vector<TreeItem>& items) {
  return Picture(items).Svg(title, description);
}

}  // namespace tcptool::server
