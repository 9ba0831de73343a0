#include "server/peers/parent_choice.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tcptool::server {
namespace {

// A connection that has lasted so long, or has brought a block, was a good one.
constexpr auto kGood = std::chrono::seconds(10);
// What a node has sent comes within this time, or never.
constexpr auto kOnItsWay = std::chrono::seconds(1);
constexpr uint64_t kBlock = uint64_t{1} << 20;
// A call has to last for so many of the longest pauses as there were calls
// since something came, these at most, before it is taken for a good one.
constexpr size_t kMostLasting = 32;

// Before all nodes are asked once more, after so many rounds, one at least.
ParentChoice::Duration PauseAfter(size_t rounds,
                                  const ParentChoice::Timing& timing) {
  return std::min(timing.longest_pause,
                  timing.first_pause * (1 << std::min<size_t>(rounds - 1, 10)));
}

}  // namespace

ParentChoice::ParentChoice(size_t nodes, Duration wait, const Timing& timing)
    : wait_(wait), timing_(timing), nodes_(nodes) {}

bool ParentChoice::WasGood(uint64_t position, bool counts_time,
                           Time now) const {
  return position / kBlock > offset_ / kBlock ||
         (counts_time && now - connected_at_ >= kGood);
}

void ParentChoice::Replace(const std::vector<std::optional<size_t>>& before,
                           bool prefers_other) {
  std::vector<Node> nodes(before.size());
  size_t current = 0;
  size_t sender = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!before[i]) continue;
    nodes[i] = nodes_[*before[i]];
    if (*before[i] == current_) current = i;
    if (*before[i] == sender_) sender = i;
  }
  nodes_ = std::move(nodes);
  current_ = current;
  sender_ = sender;
  prefers_other_ = prefers_other;
  probed_ = rounds_ = 0;
}

ParentChoice::Next ParentChoice::Connect(uint64_t offset, Loss loss,
                                         bool is_its_own, Time now) {
  // One on which nothing came was none, however long it was waited for.
  if (loss == Loss::kNone || WasGood(offset, loss != Loss::kSilent, now)) {
    trouble_since_.reset();
  }
  is_connected_ = false;
  offset_ = offset;
  const bool keeps_node = std::exchange(keeps_node_, false);
  Node& node = nodes_[current_];
  switch (loss) {
    case Loss::kNone:
      return {Step::kFollowAgain};
    case Loss::kContradiction:
      if (!is_its_own) return {Step::kFollowAgain};
      node.has_lied = true;
      return GoOn(true, now);
    case Loss::kBadBlock:
      if (!is_its_own) return {Step::kFollowAgain};
      if (offset >= node.bad_at + kForgiven) node.bad_blocks = 0;
      node.bad_at = std::max(node.bad_at, offset);
      node.has_lied = ++node.bad_blocks == kMostBadBlocks;
      return GoOn(node.has_lied, now);
    case Loss::kLost:
      // It follows another one already, which may have the connection too.
      if (keeps_node || current_ != sender_) return {Step::kFollowAgain};
      return GoOn(false, now);
    case Loss::kSilent:
      if (!keeps_node && current_ == sender_) return GoOn(false, now);
      BeginTrouble(now);
      if (IsOver(now)) return {Step::kGiveUp};
      ++tries_;
      return {Step::kFollowAgain};
  }
  return {Step::kGiveUp};
}

void ParentChoice::Called(Time now) {
  called_at_ = now;
  // Nobody knows whether this one will do what the one before has not done.
  if (++calls_ > 1) is_stranded_ = true;
  stranded_since_.reset();
  behind_since_.reset();
  EndSearch();
}

void ParentChoice::Connected(Time now) {
  is_connected_ = true;
  connected_at_ = now;
  sender_ = current_;
}

ParentChoice::Next ParentChoice::Failed(bool is_refusal, uint64_t position,
                                        Time now) {
  if (is_connected_ && trouble_since_ < connected_at_ &&
      WasGood(position, true, now)) {
    trouble_since_.reset();
  }
  return GoOn(is_refusal, now);
}

void ParentChoice::BeginTrouble(Time now) {
  if (trouble_since_) return;
  trouble_since_ = now;
  tries_ = 0;
  for (Node& node : nodes_) node.has_refused = false;
}

bool ParentChoice::IsOver(Time now) const {
  // Each is asked once, however short the wait is.
  return tries_ + 1 >= nodes_.size() && now - *trouble_since_ >= wait_;
}

ParentChoice::Next ParentChoice::GoOn(bool is_refusal, Time now) {
  EndSearch();
  prefers_other_ = false;  // Others are asked anyway.
  BeginTrouble(now);
  nodes_[current_].has_refused = is_refusal;
  const bool all_refuse = std::ranges::all_of(nodes_, [](const Node& node) {
    return node.has_refused || node.has_lied;
  });
  if (all_refuse || IsOver(now)) return {Step::kGiveUp};
  do {
    current_ = (current_ + 1) % nodes_.size();
    ++tries_;
  } while (nodes_[current_].has_lied);
  const size_t rounds = tries_ / nodes_.size();
  return {Step::kFollow,
          rounds == 0 ? Duration() : PauseAfter(rounds, timing_)};
}

void ParentChoice::Heard(const Said& said, uint64_t position, Time silent_since,
                         Time now) {
  if (said.is_stranded) {
    stranded_since_ = *said.is_stranded
                          ? std::optional(stranded_since_.value_or(now))
                          : std::nullopt;
  }
  const bool is_behind = is_connected_ && said.watermark.value_or(0) > position;
  behind_since_ =
      is_behind ? std::optional(behind_since_.value_or(now)) : std::nullopt;
  const Duration silence =
      behind_since_ ? now - std::max(*behind_since_, silent_since) : Duration();
  wants_connection_ = current_ != sender_ && silence >= kOnItsWay;
  has_fault_ =
      (stranded_since_ && now - *stranded_since_ >= timing_.stranded) ||
      (behind_since_ && silence >= timing_.no_bytes);
  if (!wants_other()) EndSearch();

  const bool brings = position > furthest_;
  if (brings) {
    furthest_ = position;
    calls_ = 0;
  }
  const bool lasts = !stranded_since_ && !behind_since_ &&
                     now - called_at_ >=
                         timing_.longest_pause * std::min(calls_, kMostLasting);
  if (brings || lasts) {
    is_stranded_ = false;
  } else if (found_nobody_) {
    is_stranded_ = true;
  }
  // What began while there was a connection was the call's alone.
  if (lasts && is_connected_ && trouble_since_ >= connected_at_) {
    trouble_since_.reset();
  }
}

std::optional<ParentChoice::Probe> ParentChoice::NextProbe() {
  const auto lied = std::ranges::count_if(
      nodes_, [](const Node& node) { return node.has_lied; });
  if (lied + 1 == std::ssize(nodes_)) {
    FoundNobody();
    return std::nullopt;
  }
  Duration pause{};
  // Those that were found before were no better.
  if (probed_ == 0 && calls_ > 1) pause = PauseAfter(calls_ - 1, timing_);
  size_t node = current_;
  do {
    if (++probed_ == nodes_.size()) {
      probed_ = 1;
      FoundNobody();
      pause = PauseAfter(++rounds_, timing_);
    }
    node = (current_ + probed_) % nodes_.size();
  } while (nodes_[node].has_lied);
  return Probe{.node = node, .pause = pause};
}

bool ParentChoice::Suits(const Said& said, uint64_t position) const {
  if (said.is_stranded.value_or(false)) return false;
  return stranded_since_ || said.watermark.value_or(~uint64_t{0}) > position;
}

void ParentChoice::MoveTo(size_t node) {
  current_ = node;
  prefers_other_ = false;
  keeps_node_ = is_connected_;
}

void ParentChoice::FoundNobody() {
  // One that serves is no worse for that another was preferred.
  if (prefers_other_ && !has_fault_) return;
  found_nobody_ = is_stranded_ = true;
}

void ParentChoice::EndSearch() {
  has_fault_ = false;
  probed_ = rounds_ = 0;
  found_nobody_ = false;
}

}  // namespace tcptool::server
