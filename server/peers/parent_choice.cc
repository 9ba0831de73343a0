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
// How often the preferred node alone is asked beside one that serves; some
// three seconds.
constexpr size_t kPatientRounds = 5;

// Before all nodes are asked once more, after so many rounds, one at least.
ParentChoice::Duration PauseAfter(size_t rounds, ParentChoice::Duration first,
                                  ParentChoice::Duration longest) {
  return std::min(longest, first * (1 << std::min<size_t>(rounds - 1, 10)));
}

}  // namespace

ParentChoice::ParentChoice(size_t nodes, Duration wait, const Timing& timing)
    : wait_(wait), timing_(timing), nodes_(nodes) {
  for (size_t i = 0; i < nodes; ++i) nodes_[i].rank = i;
}

bool ParentChoice::WasGood(uint64_t position, bool counts_time,
                           Time now) const {
  return position / kBlock > offset_ / kBlock ||
         (counts_time && now - connected_at_ >= kGood);
}

std::vector<ParentChoice::Place> ParentChoice::Replace(
    const std::vector<std::optional<size_t>>& plan) {
  std::vector<Place> places;
  for (size_t i = 0; i < plan.size(); ++i) {
    places.push_back({.before = plan[i], .in_plan = i});
  }
  const auto find = [&places](size_t node) {
    return std::ranges::find(places, std::optional(node), &Place::before);
  };
  prefers_other_ = false;
  if (has_begun_) {
    // Their account goes on for as long as they serve. The one behind the
    // current node, in the round, is the preferred one.
    if (find(sender_) == places.end()) places.push_back({.before = sender_});
    const auto preferred =
        std::ranges::find_if(places, [this](const Place& place) {
          return !place.before || !nodes_[*place.before].has_lied;
        });
    prefers_other_ = preferred != places.end() && preferred->in_plan &&
                     preferred->before != current_;
    if (const auto at = find(current_); at == places.end()) {
      places.push_back({.before = current_});
    } else if (prefers_other_) {
      std::rotate(at, at + 1, places.end());
    }
  }
  std::vector<Node> nodes(places.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (places[i].before) nodes[i] = nodes_[*places[i].before];
    nodes[i].rank = places[i].in_plan.value_or(kUnplanned);
    nodes[i].was_left = false;
  }
  if (has_begun_) {
    sender_ = find(sender_) - places.begin();
    current_ = find(current_) - places.begin();
  }
  nodes_ = std::move(nodes);
  BeginSearch();
  return places;
}

size_t ParentChoice::preferred() const {
  return std::ranges::find(nodes_, false, &Node::has_lied) - nodes_.begin();
}

// Where nothing is wrong with the current node, one that is behind it in the
// plan is no better, as it has others to send to, nor is one that was left for
// a fault of its own; and there is time for the preferred one to have more: if
// all that a plan moves went to what they have in common at once, that would be
// the source.
bool ParentChoice::IsToProbe(size_t node) const {
  if (node == current_ || nodes_[node].has_lied) return false;
  if (fault_ != Fault::kNone) return true;
  return nodes_[node].rank < nodes_[current_].rank && !nodes_[node].was_left &&
         (node == preferred() || rounds_ >= kPatientRounds);
}

bool ParentChoice::HasOther() const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (IsToProbe(i)) return true;
  }
  return false;
}

ParentChoice::Next ParentChoice::Connect(uint64_t offset, Loss loss,
                                         bool is_its_word, Time now) {
  // One on which nothing came was none, however long it was waited for.
  if (loss == Loss::kNone || WasGood(offset, loss != Loss::kSilent, now)) {
    trouble_since_.reset();
  }
  is_connected_ = false;
  offset_ = offset;
  const bool keeps_node = std::exchange(keeps_node_, false);
  // Another one than the sender may be about to be called.
  const Next again = {Step::kFollowAgain,
                      std::max(call_not_before_ - now, Duration())};
  const bool is_its_own =
      is_its_word && current_ == sender_ && offset >= sent_from_;
  Node& node = nodes_[current_];
  switch (loss) {
    case Loss::kNone:
      return {Step::kFollowAgain};
    case Loss::kContradiction:
      if (!is_its_own) return again;
      node.has_lied = true;
      return GoOn(true, now);
    case Loss::kBadBlock:
      if (!is_its_own) return again;
      if (offset >= node.bad_at + kForgiven) node.bad_blocks = 0;
      node.bad_at = std::max(node.bad_at, offset);
      if (++node.bad_blocks >= kMostBadBlocks) node.has_lied = true;
      return GoOn(node.has_lied, now);
    case Loss::kLost:
      // It follows another one already, which may have the connection too.
      if (keeps_node || current_ != sender_) return again;
      return GoOn(false, now);
    case Loss::kSilent:
      if (!keeps_node && current_ == sender_) return GoOn(false, now);
      BeginTrouble(now);
      if (IsOver(now)) return {Step::kGiveUp};
      ++tries_;
      return again;
  }
  return {Step::kGiveUp};
}

void ParentChoice::Called(Time now) {
  has_begun_ = true;
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
  sent_from_ = current_ == sender_ ? std::min(sent_from_, offset_) : offset_;
  sender_ = current_;
  prefers_other_ = IsToGoBack();
}

bool ParentChoice::IsToGoBack() const {
  const Node& first = nodes_[preferred()];
  return first.rank < nodes_[current_].rank && !first.was_left;
}

ParentChoice::Next ParentChoice::Failed(bool is_refusal, uint64_t position,
                                        Time now) {
  if (is_connected_ && trouble_since_ < connected_at_ &&
      WasGood(position, true, now)) {
    trouble_since_.reset();
  }
  return GoOn(is_refusal, now);
}

ParentChoice::Next ParentChoice::NotBegun(uint64_t position, Time now) {
  const bool was_connected = sent_from_ != ~uint64_t{0};
  BeginTrouble(now);
  if (was_connected ||
      now - *trouble_since_ >= std::min(timing_.not_begun, wait_)) {
    const size_t left = current_;
    const bool was_left = nodes_[left].was_left;
    // Nobody plans any more that it is waited for, and who is to be asked in
    // its place is asked no more.
    const bool is_the_last = std::ranges::all_of(nodes_, [](const Node& node) {
      return node.has_lied || node.rank == kUnplanned;
    });
    const Next next = Failed(is_the_last, position, now);
    nodes_[left].was_left = was_left;
    return next;
  }
  EndSearch();
  // It has done nothing that another one could do better.
  if (calls_ > 0) --calls_;
  call_not_before_ = now + timing_.first_pause;
  return {Step::kFollowAgain, timing_.first_pause};
}

ParentChoice::Next ParentChoice::Lied(uint64_t position, Time now) {
  nodes_[current_].has_lied = true;
  return Failed(true, position, now);
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
  nodes_[current_].was_left = true;
  const bool all_refuse = std::ranges::all_of(nodes_, [](const Node& node) {
    return node.has_refused || node.has_lied;
  });
  if (all_refuse || IsOver(now)) return {Step::kGiveUp};
  do {
    current_ = (current_ + 1) % nodes_.size();
    ++tries_;
  } while (nodes_[current_].has_lied);
  const size_t rounds = tries_ / nodes_.size();
  const Duration pause = rounds == 0 ? Duration()
                                     : PauseAfter(rounds, timing_.first_pause,
                                                  timing_.longest_pause);
  call_not_before_ = now + pause;
  return {Step::kFollow, pause};
}

ParentChoice::Fault ParentChoice::FaultAt(Time silent_since, Time now) const {
  if (stranded_since_ && now - *stranded_since_ >= timing_.stranded) {
    return Fault::kStranded;
  }
  if (behind_since_ &&
      now - std::max(*behind_since_, silent_since) >= timing_.no_bytes) {
    return Fault::kBehind;
  }
  const bool is_idle =
      is_connected_ && now - std::max(called_at_, silent_since) >= timing_.idle;
  return is_idle ? Fault::kIdle : Fault::kNone;
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
  wants_connection_ =
      current_ != sender_ &&
      (silence >= kOnItsWay ||
       (behind_since_ && now - *behind_since_ >= timing_.no_bytes));
  const Fault fault_before = fault_;
  fault_ = FaultAt(silent_since, now);
  if (!wants_other()) {
    EndSearch();
  } else if (fault_ != fault_before &&
             (IsGrave() ? fault_before <= Fault::kIdle
                        : fault_before == Fault::kNone)) {
    BeginSearch();
  }

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
  if (!HasOther()) {
    FoundNobody();
    return std::nullopt;
  }
  const Duration longest = fault_ == Fault::kIdle && !prefers_other_
                               ? timing_.idle
                               : timing_.longest_pause;
  Duration pause{};
  // Those that were found before were no better.
  if (probed_ == 0 && calls_ > 1) {
    pause = PauseAfter(calls_ - 1, timing_.first_pause, longest);
  }
  size_t node = current_;
  do {
    if (++probed_ == nodes_.size()) {
      probed_ = 1;
      FoundNobody();
      pause = PauseAfter(++rounds_, timing_.first_pause, longest);
    }
    node = (current_ + probed_) % nodes_.size();
  } while (!IsToProbe(node));
  return Probe{.node = node, .pause = pause};
}

bool ParentChoice::Suits(const Said& said, uint64_t position) const {
  if (said.is_stranded.value_or(false)) return false;
  if (said.is_shorter) return fault_ != Fault::kNone;
  if (fault_ == Fault::kIdle) {
    return said.watermark && (*said.watermark > position ||
                              (*said.watermark == position && said.tells_more));
  }
  return stranded_since_ || said.watermark.value_or(~uint64_t{0}) > position;
}

void ParentChoice::MoveTo(size_t node) {
  nodes_[current_].was_left |=
      fault_ == Fault::kIdle || fault_ == Fault::kBehind;
  current_ = node;
  prefers_other_ = IsToGoBack();
  keeps_node_ = is_connected_;
}

void ParentChoice::FoundNobody() {
  // One that serves is no worse for that another was preferred; nor is one that
  // may have nothing to send.
  if (fault_ == Fault::kIdle || (prefers_other_ && !IsGrave())) return;
  found_nobody_ = is_stranded_ = true;
}

void ParentChoice::BeginSearch() {
  ++search_;
  probed_ = rounds_ = 0;
  found_nobody_ = false;
}

void ParentChoice::EndSearch() {
  fault_ = Fault::kNone;
  BeginSearch();
}

}  // namespace tcptool::server
