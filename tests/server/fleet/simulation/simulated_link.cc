#include "tests/server/fleet/simulation/simulated_link.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "tests/server/fleet/simulation/simulated_clock.h"

namespace tcptool::fleet {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

// ParentLink::Timing.
constexpr seconds kFirstMessage(10);
constexpr seconds kSilence(5);
// Of Reception::FallenSilent().
constexpr seconds kOnItsWay(1);

// What has come of a block that is not whole comes again on another connection.
constexpr uint64_t kBlock = uint64_t{1} << 20;

}  // namespace

SimulatedLink::SimulatedLink(std::vector<SendingNode> nodes, uint64_t& position,
                             Events events)
    : nodes_(std::move(nodes)),
      troubles_(nodes_.size()),
      position_(position),
      events_(std::move(events)),
      choice_(nodes_.size(), std::chrono::hours(8760), {}) {
  GoOn(choice_.Connect(position_, Choice::Loss::kNone, true, Clock::now()));
}

void SimulatedLink::SetNodes(const std::vector<SendingNode>& nodes) {
  std::vector<std::optional<size_t>> plan;
  for (const SendingNode& node : nodes) {
    const auto found = std::ranges::find(nodes_, node);
    plan.emplace_back();
    if (found != nodes_.end()) plan.back() = found - nodes_.begin();
  }
  search_.reset();
  const auto before = std::exchange(nodes_, {});
  const auto troubles = std::exchange(troubles_, {});
  for (const Choice::Place& place : choice_.Replace(plan)) {
    nodes_.push_back(place.in_plan ? nodes[*place.in_plan]
                                   : before[*place.before]);
    troubles_.push_back(place.before ? troubles[*place.before]
                                     : Trouble::kNone);
  }
  if (!choice_.prefers_other()) return;
  if (is_connected_) return BeginSearch();
  choice_.MoveTo(choice_.preferred());
  CallAfter({});
}

void SimulatedLink::Step() {
  if (has_given_up_) return;
  if (is_connected_) {
    const NodeAnswer::Kind kind = events_.ask(sender(), false).kind;
    if (kind == NodeAnswer::Kind::kGone ||
        kind == NodeAnswer::Kind::kNotBegun) {
      return Reconnect(Choice::Loss::kLost);
    }
  }
  if (Clock::now() >= call_at_) StepCall();
  if (search_) StepSearch();
}

void SimulatedLink::StepCall() {
  const Clock::time_point now = Clock::now();
  if (!std::exchange(is_called_, true)) {
    has_answered_ = false;
    heard_at_ = now;
    choice_.Called(now);
  }
  const NodeAnswer answer = events_.ask(current(), !has_answered_);
  switch (answer.kind) {
    case NodeAnswer::Kind::kServes:
      return Heard(answer);
    case NodeAnswer::Kind::kSilent:
      if (now - heard_at_ < (has_answered_ ? kSilence : kFirstMessage)) return;
      return Failed(false, true);
    case NodeAnswer::Kind::kNotBegun:
      troubles_[choice_.current()] = Trouble::kNotBegun;
      return GoOn(choice_.NotBegun(position_, now));
    case NodeAnswer::Kind::kDirectlyBelow:
      return Failed(true, false);
    case NodeAnswer::Kind::kGone:
    case NodeAnswer::Kind::kBelow:
      return Failed(false, false);
  }
}

void SimulatedLink::Heard(const NodeAnswer& answer) {
  const Clock::time_point now = Clock::now();
  heard_at_ = now;
  has_answered_ = true;
  choice_.Heard(
      {.is_stranded = answer.is_stranded, .watermark = answer.watermark},
      position_, is_connected_ ? silent_since_ : now, now);
  Measure(answer);
  if (!is_connected_) {
    Connect();
  } else if (choice_.wants_connection()) {
    return Reconnect(Choice::Loss::kLost);
  }
  if (search_ &&
      (!choice_.wants_other() || choice_.search() != search_->number)) {
    search_.reset();
  }
  if (choice_.wants_other() && !search_) BeginSearch();
}

// As ParentLink::TellMove() has it.
void SimulatedLink::Connect() {
  const size_t to = choice_.current();
  const bool is_first = !std::exchange(has_been_connected_, true);
  const bool is_fault = std::exchange(leaves_for_fault_, true);
  const size_t before = is_first ? 0 : choice_.sender();
  if (to != before) {
    const size_t from = to != 0 && troubles_[0] != Trouble::kNone ? 0 : before;
    v1::ParentMove move;
    move.set_from(nodes_[from].name);
    move.set_to(nodes_[to].name);
    move.set_is_fault(is_fault && troubles_[from] != Trouble::kNotBegun);
    move.set_offset(static_cast<int64_t>(position_));
    *move.mutable_time() =
        google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
            absl::ToUnixNanos(SimulatedNow()));
    events_.moved(move);
  }
  is_connected_ = true;
  silent_since_ = Clock::now();
  choice_.Connected(silent_since_);
}

void SimulatedLink::Received(uint64_t bytes) {
  position_ += bytes;
  silent_since_ = Clock::now();
}

void SimulatedLink::Measure(const NodeAnswer& answer) {
  if (!is_connected_ || choice_.current() != choice_.sender()) {
    return meter_.Stop();
  }
  const auto rate = meter_.Heard(answer.watermark, position_, Clock::now());
  if (!rate) return;
  if (!rate_ || rate_->parent != current()) rate_ = {.parent = current()};
  rate_->busy += duration_cast<milliseconds>(rate->busy);
  rate_->bytes += rate->bytes;
  rate_->observed += duration_cast<milliseconds>(rate->observed);
  rate_->observed_bytes += rate->observed_bytes;
}

std::optional<ReceivedRate> SimulatedLink::TakeRate() {
  return std::exchange(rate_, std::nullopt);
}

void SimulatedLink::BeginSearch() {
  search_ = Search{.number = choice_.search()};
  AskNext();
}

void SimulatedLink::AskNext() {
  const auto probe = choice_.NextProbe();
  search_->node.reset();
  if (!probe) return;
  search_->node = probe->node;
  search_->ask_at = Clock::now() + probe->pause;
}

void SimulatedLink::StepSearch() {
  const Clock::time_point now = Clock::now();
  if (!search_->node || now < search_->ask_at) return;
  const size_t node = *search_->node;
  const NodeAnswer answer = events_.ask(nodes_[node].name, true);
  if (answer.kind == NodeAnswer::Kind::kSilent &&
      now - search_->ask_at < kFirstMessage) {
    return;
  }
  const bool suits = answer.kind == NodeAnswer::Kind::kServes &&
                     choice_.Suits({.is_stranded = answer.is_stranded,
                                    .watermark = answer.watermark},
                                   position_);
  suits ? MoveTo(node) : AskNext();
}

void SimulatedLink::MoveTo(size_t node) {
  const Choice::Fault fault = choice_.fault();
  troubles_[choice_.current()] = Trouble::kOther;
  leaves_for_fault_ =
      fault != Choice::Fault::kNone && fault != Choice::Fault::kStranded;
  choice_.MoveTo(node);
  if (!is_connected_) return CallAfter({});
  const bool is_silent =
      fault == Choice::Fault::kBehind || fault == Choice::Fault::kIdle;
  Reconnect(is_silent ? Choice::Loss::kSilent : Choice::Loss::kLost);
}

void SimulatedLink::Failed(bool is_refusal, bool is_silence) {
  const Clock::time_point now = Clock::now();
  if (choice_.current() == 0) leaves_for_fault_ = true;
  troubles_[choice_.current()] = Trouble::kOther;
  GoOn(choice_.Failed(is_refusal, position_, now));
  if (is_connected_ && is_silence && !has_given_up_ &&
      now - silent_since_ >= kOnItsWay) {
    Reconnect(Choice::Loss::kLost);
  }
}

void SimulatedLink::Reconnect(Choice::Loss loss) {
  is_connected_ = false;
  meter_.Stop();
  position_ -= position_ % kBlock;
  troubles_[choice_.sender()] = Trouble::kOther;
  GoOn(choice_.Connect(position_, loss, true, Clock::now()));
}

void SimulatedLink::GoOn(const Choice::Next& next) {
  if (next.step == Choice::Step::kGiveUp) has_given_up_ = true;
  CallAfter(next.pause);
}

void SimulatedLink::CallAfter(Choice::Duration pause) {
  search_.reset();
  is_called_ = false;
  call_at_ = Clock::now() + pause;
}

}  // namespace tcptool::fleet
