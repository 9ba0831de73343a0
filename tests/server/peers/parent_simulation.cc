#include "tests/server/peers/parent_simulation.h"

#include <algorithm>

namespace tcptool::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Fault = ParentChoice::Fault;
using Loss = ParentChoice::Loss;
using Step = ParentChoice::Step;

// ParentLink's.
constexpr seconds kFirstMessage{10};
constexpr seconds kSilence{5};
// Less than CheckPath()'s, so that there are some that are too long.
constexpr size_t kLongestPath = 48;
// Each message of a call.
constexpr milliseconds kMessage{250};
// That comes with each of them.
constexpr uint64_t kPiece = uint64_t{3} << 19;

}  // namespace

size_t ParentSimulation::Add(Kind kind) {
  nodes_.emplace_back();
  nodes_.back().kind = kind;
  return nodes_.size() - 1;
}

void ParentSimulation::Follow(size_t node, std::vector<size_t> parents,
                              Duration wait) {
  Node& self = nodes_[node];
  self.position = 0;
  self.choice.emplace(parents.size(), wait, ParentChoice::Timing());
  self.parents = std::move(parents);
  After(Latency(), [this, node] {
    GoOn(node, nodes_[node].choice->Connect(0, Loss::kNone, false, now_));
  });
}

void ParentSimulation::Die(size_t node, bool with_host) {
  nodes_[node].is_alive = false;
  nodes_[node].has_host = !with_host;
}

void ParentSimulation::Replan(size_t node, const std::vector<size_t>& parents) {
  Node& self = nodes_[node];
  if (!self.choice || !IsAtWork(node)) return;
  std::vector<std::optional<size_t>> plan;
  for (const size_t parent : parents) {
    const auto found = std::ranges::find(self.parents, parent);
    plan.push_back(found == self.parents.end()
                       ? std::nullopt
                       : std::optional<size_t>(found - self.parents.begin()));
  }
  StopSearch(node);
  const std::vector<size_t> before = std::exchange(self.parents, {});
  for (const ParentChoice::Place& place : self.choice->Replace(plan)) {
    self.parents.push_back(place.in_plan ? parents[*place.in_plan]
                                         : before[*place.before]);
  }
  if (!self.choice->prefers_other()) return;
  if (self.sender) return Search(node);
  self.choice->MoveTo(self.choice->preferred());
  Call(node);
}

void ParentSimulation::After(Duration time, std::function<void()> what) {
  events_.push({now_ + time, ++events_so_far_, std::move(what)});
}

void ParentSimulation::RunFor(Duration time) {
  const Time end = now_ + time;
  while (!events_.empty() && events_.top().at <= end) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    event.run();
  }
  now_ = end;
}

int ParentSimulation::most_calls_a_second() const {
  int most = 0;
  for (const Node& node : nodes_) {
    for (const auto& [second, calls] : node.calls) most = std::max(most, calls);
  }
  return most;
}

int ParentSimulation::most_calls_a_minute() const {
  int most = 0;
  for (const Node& node : nodes_) {
    std::map<int64_t, int> minutes;
    for (const auto& [second, calls] : node.calls) {
      most = std::max(most, minutes[second / 60] += calls);
    }
  }
  return most;
}

bool ParentSimulation::IsAtWork(size_t node) const {
  const Node& self = nodes_[node];
  return self.is_alive && !self.has_given_up && self.position < kSize;
}

size_t ParentSimulation::ParentOf(size_t node) const {
  return nodes_[node].parents[nodes_[node].choice->current()];
}

void ParentSimulation::WithCall(size_t node, Duration time,
                                std::function<void()> then) {
  After(time, [this, node, call = nodes_[node].call, then = std::move(then)] {
    if (IsAtWork(node) && nodes_[node].call == call) then();
  });
}

std::optional<ParentSimulation::Answer> ParentSimulation::Look(
    size_t node, size_t parent) const {
  const Node& other = nodes_[parent];
  if (!other.is_alive || other.has_given_up || other.kind == Kind::kBusy ||
      other.kind == Kind::kRefuses) {
    return std::nullopt;
  }
  Answer answer;
  answer.said = {.is_stranded = false, .watermark = other.position};
  if (other.kind == Kind::kComesAndGoes) answer.said = {};
  if (other.choice && other.position < kSize) {
    answer.said.is_stranded = other.choice->is_stranded();
    answer.path = other.told_path;
    answer.path.insert(answer.path.begin(), parent);
  }
  if (answer.path.size() >= kLongestPath ||
      std::ranges::count(answer.path, node) != 0) {
    return std::nullopt;
  }
  return answer;
}

std::optional<ParentSimulation::Answer> ParentSimulation::Ask(size_t node,
                                                              size_t parent) {
  ++nodes_[node].calls[now_.time_since_epoch() / seconds(1)];
  return Look(node, parent);
}

void ParentSimulation::Call(size_t node) {
  Node& self = nodes_[node];
  ++self.call;
  StopSearch(node);
  self.told_path.clear();
  self.choice->Called(now_);
  const bool answers = nodes_[ParentOf(node)].has_host;
  WithCall(node, answers ? Latency() : Duration(kFirstMessage),
           [this, node] { OnAnswer(node); });
}

void ParentSimulation::OnAnswer(size_t node) {
  const size_t parent = ParentOf(node);
  const std::optional<Answer> answer = Ask(node, parent);
  if (!answer) {
    return EndCall(
        node, nodes_[parent].is_alive && nodes_[parent].kind == Kind::kRefuses);
  }
  if (nodes_[node].sender) return OnMessage(node, *answer);
  WithCall(node, Latency(), [this, node, parent, answer = *answer] {
    Node& self = nodes_[node];
    self.sender = parent;
    ++self.connection;
    self.silent_since = now_;
    self.choice->Connected(now_);
    OnMessage(node, answer);
  });
}

void ParentSimulation::OnMessage(size_t node, const Answer& answer) {
  Node& self = nodes_[node];
  const size_t parent = ParentOf(node);
  self.told_path = answer.path;
  if (self.sender == parent) TakePiece(node);
  if (!IsAtWork(node)) return;
  self.choice->Heard(answer.said, self.position, self.silent_since, now_);
  const Kind kind = nodes_[parent].kind;
  if (kind == Kind::kEndsCalls ||
      (kind == Kind::kComesAndGoes && Below(40) == 0)) {
    return EndCall(node, false);
  }
  if (self.sender == parent) {
    if (kind == Kind::kTakesBack) return Lose(node, Loss::kLost);
    if (kind == Kind::kBadBlocks) return Lose(node, Loss::kBadBlock);
    if (kind == Kind::kContradicts) return Lose(node, Loss::kContradiction);
  }
  Search(node);
  WithCall(node, kMessage, [this, node, parent] {
    const std::optional<Answer> next = Look(node, parent);
    if (next) return OnMessage(node, *next);
    if (nodes_[parent].has_host) return EndCall(node, false);
    WithCall(node, kSilence, [this, node] { EndCall(node, false); });
  });
}

void ParentSimulation::TakePiece(size_t node) {
  Node& self = nodes_[node];
  const Node& sender = nodes_[*self.sender];
  if (self.hangs) {
    self.silent_since = now_;
    return;
  }
  if (sender.kind != Kind::kSource && sender.kind != Kind::kReception) return;
  const uint64_t position = std::min(self.position + kPiece,
                                     std::max(self.position, sender.position));
  if (position > self.position) self.silent_since = now_;
  self.position = position;
}

void ParentSimulation::EndCall(size_t node, bool is_refusal) {
  Node& self = nodes_[node];
  // The other end resets the connection with the call.
  if (self.sender == ParentOf(node)) LoseSoon(node, Loss::kLost);
  GoOn(node, self.choice->Failed(is_refusal, self.position, now_));
}

void ParentSimulation::LoseSoon(size_t node, Loss loss) {
  After(Latency(), [this, node, loss, connection = nodes_[node].connection] {
    const Node& self = nodes_[node];
    if (IsAtWork(node) && self.sender && self.connection == connection) {
      Lose(node, loss);
    }
  });
}

void ParentSimulation::Lose(size_t node, Loss loss) {
  Node& self = nodes_[node];
  self.sender.reset();
  self.position -= self.position % (uint64_t{1} << 20);
  GoOn(node, self.choice->Connect(self.position, loss, true, now_));
}

void ParentSimulation::GoOn(size_t node, const ParentChoice::Next& next) {
  Node& self = nodes_[node];
  ++self.call;
  StopSearch(node);
  if (next.step == Step::kGiveUp) {
    self.has_given_up = true;
  } else {
    WithCall(node, next.pause, [this, node] { Call(node); });
  }
}

void ParentSimulation::Search(size_t node) {
  Node& self = nodes_[node];
  if (!self.choice->wants_other()) return StopSearch(node);
  if (self.searched == self.choice->search()) return;
  StopSearch(node);
  self.searched = self.choice->search();
  AskAnother(node);
}

void ParentSimulation::StopSearch(size_t node) {
  ++nodes_[node].search;
  nodes_[node].searched.reset();
}

void ParentSimulation::AskAnother(size_t node) {
  Node& self = nodes_[node];
  const auto probe = self.choice->NextProbe();
  if (!probe) return;
  const size_t parent = self.parents[probe->node];
  const Duration answers =
      nodes_[parent].has_host ? Latency() : Duration(kFirstMessage);
  After(probe->pause + answers, [this, node, parent, asked = probe->node,
                                 search = self.search] {
    Node& self = nodes_[node];
    if (!IsAtWork(node) || self.search != search) return;
    const std::optional<Answer> answer = Ask(node, parent);
    if (!answer || !self.choice->Suits(answer->said, self.position)) {
      return AskAnother(node);
    }
    const Fault fault = self.choice->fault();
    self.choice->MoveTo(asked);
    if (!self.sender) return Call(node);
    Lose(node, fault == Fault::kBehind || fault == Fault::kIdle ? Loss::kSilent
                                                                : Loss::kLost);
  });
}

}  // namespace tcptool::server
