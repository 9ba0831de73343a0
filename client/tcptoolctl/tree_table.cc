#include "client/tcptoolctl/tree_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/tcptoolctl/render.h"
#include "client/tcptoolctl/short_names.h"
#include "text/characters.h"

namespace tcptool {
namespace {

using Cell = std::string TreeRow::*;

struct Column {
  absl::string_view title;
  Cell cell;
};

constexpr size_t kGap = 2;
constexpr size_t kStep = 2;
// So wide are the columns of names at least.
constexpr size_t kLeastNode = 8;
constexpr size_t kLeastRack = 4;
// A step of the tree for each so many columns of the terminal.
constexpr size_t kColumnsForAStep = 20;
// Names leave half of what is beyond to the detail.
constexpr size_t kColumnsWithoutDetail = 80;

size_t LessOrZero(size_t a, size_t b) { return a > b ? a - b : 0; }

std::vector<Column> AllColumns() {
  return {{"NODE", &TreeRow::node},    {"STATE", &TreeRow::state},
          {"FROM", &TreeRow::from},    {"RACK", &TreeRow::rack},
          {"DONE", &TreeRow::done},    {"RATE", &TreeRow::rate},
          {"LEFT", &TreeRow::left},    {"MOVES", &TreeRow::moves},
          {"DETAIL", &TreeRow::detail}};
}

class Fitting {
 public:
  Fitting(std::vector<TreeRow> rows, size_t columns)
      : rows_(std::move(rows)),
        columns_(columns),
        shown_(AllColumns()),
        nodes_(Texts({&TreeRow::node, &TreeRow::from})),
        racks_(Texts({&TreeRow::rack})) {
    for (TreeRow& row : rows_) {
      row.indented = std::min(row.indented, columns / kColumnsForAStep);
      steps_ = std::max(steps_, row.indented);
    }
    // Before the content comes, and where nodes are of an earlier release,
    // three columns of nothing would leave less for the others.
    if (std::all_of(rows_.begin(), rows_.end(),
                    [](const TreeRow& row) { return row.done.empty(); })) {
      for (const Cell cell : {&TreeRow::done, &TreeRow::rate, &TreeRow::left}) {
        Drop(cell);
      }
    }
    for (const Cell cell : {&TreeRow::rack, &TreeRow::moves, &TreeRow::from}) {
      if (Room() < LeastForNames()) Drop(cell);
    }
    ShortenNames();
  }

  std::vector<std::string> Lines() const {
    std::vector<std::vector<std::string>> table(1);
    for (const Column& column : shown_) table[0].emplace_back(column.title);
    for (const TreeRow& row : rows_) {
      table.emplace_back();
      for (const Column& column : shown_) {
        table.back().push_back(Text(row, column.cell));
      }
    }
    return absl::StrSplit(Table(table), '\n', absl::SkipEmpty());
  }

 private:
  std::set<std::string> Texts(const std::vector<Cell>& cells) const {
    std::set<std::string> texts;
    for (const TreeRow& row : rows_) {
      for (const Cell cell : cells) texts.insert(row.*cell);
    }
    return texts;
  }

  bool Has(Cell cell) const {
    return std::any_of(shown_.begin(), shown_.end(),
                       [&](const Column& one) { return one.cell == cell; });
  }

  void Drop(Cell cell) {
    shown_.erase(
        std::remove_if(shown_.begin(), shown_.end(),
                       [&](const Column& one) { return one.cell == cell; }),
        shown_.end());
  }

  static bool IsName(Cell cell) {
    return cell == &TreeRow::node || cell == &TreeRow::from ||
           cell == &TreeRow::rack;
  }

  size_t Width(const Column& column) const {
    size_t width = column.title.size();
    for (const TreeRow& row : rows_) {
      width = std::max(width, Columns(OrNothing(row.*column.cell)));
    }
    return width;
  }

  // For names, beside the other columns that there are.
  size_t Room() const {
    size_t others = kStep * steps_;
    for (const Column& column : shown_) {
      if (column.cell == &TreeRow::detail) continue;
      others += kGap + (IsName(column.cell) ? 0 : Width(column));
    }
    return LessOrZero(columns_, others);
  }

  size_t NodeColumns() const { return Has(&TreeRow::from) ? 2 : 1; }

  size_t LeastForNames() const {
    return NodeColumns() * kLeastNode + (Has(&TreeRow::rack) ? kLeastRack : 0);
  }

  void ShortenNames() {
    const size_t detail =
        std::min(Width({"DETAIL", &TreeRow::detail}),
                 LessOrZero(columns_, kColumnsWithoutDetail) / 2);
    const size_t room = std::max(LessOrZero(Room(), detail), LeastForNames());
    const size_t racks =
        Has(&TreeRow::rack) ? std::max(racks_.Widest(), kLeastRack) : 0;
    const auto nodes = [this] {
      return NodeColumns() * std::max(nodes_.Widest(), kLeastNode);
    };
    if (nodes() + racks > room) nodes_.DropDomain();
    // Racks are fewer, and are told apart by less.
    const size_t rack = std::min(
        racks, std::max({LessOrZero(room, nodes()), room / 5, kLeastRack}));
    if (rack > 0) racks_.Cut(rack);
    nodes_.Cut((room - rack) / NodeColumns());
  }

  std::string Text(const TreeRow& row, Cell cell) const {
    if (cell == &TreeRow::node) {
      return absl::StrCat(std::string(kStep * row.indented, ' '),
                          nodes_.Of(row.node));
    }
    if (cell == &TreeRow::from) return OrNothing(nodes_.Of(row.from));
    if (cell == &TreeRow::rack) return OrNothing(racks_.Of(row.rack));
    return OrNothing(row.*cell);
  }

  std::vector<TreeRow> rows_;
  const size_t columns_;
  std::vector<Column> shown_;
  ShortNames nodes_;
  ShortNames racks_;
  size_t steps_ = 0;  // Of the row that is indented most.
};

}  // namespace

std::vector<std::string> TreeTable(std::vector<TreeRow> rows, size_t columns) {
  return Fitting(std::move(rows), columns).Lines();
}

}  // namespace tcptool
