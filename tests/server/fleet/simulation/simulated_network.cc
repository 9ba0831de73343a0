#include "tests/server/fleet/simulation/simulated_network.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Each of a node's four does not answer for 10 s, and one more says nothing for
// 5 s; or a lease has run out, a new coordinator has its own, and has planned.
constexpr milliseconds kHealed = seconds(60);

}  // namespace

SimulatedNode* SimulatedNetwork::Find(const std::string& name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : found->second.get();
}

SimulatedNode* SimulatedNetwork::Followed(const SimulatedNode& node) const {
  return node.link() == nullptr ? nullptr : Find(node.link()->current());
}

bool SimulatedNetwork::IsInReach(const SimulatedNode& node) const {
  return node.is_reachable() && !IsCut(node.options().rack);
}

bool SimulatedNetwork::AreConnected(const SimulatedNode& one,
                                    const SimulatedNode& other) const {
  if (one.options().rack != other.options().rack) {
    return IsInReach(one) && IsInReach(other);
  }
  return one.is_reachable() && other.is_reachable();
}

NodeAnswer SimulatedNetwork::Ask(const SimulatedNode& asker,
                                 const std::string& name, bool is_new) const {
  using Kind = NodeAnswer::Kind;
  const SimulatedNode* const node = Find(name);
  if (node == nullptr || !AreConnected(asker, *node)) {
    return {.kind = Kind::kSilent};
  }
  if (!node->is_running()) return {.kind = Kind::kGone};
  if (!node->is_serving()) return {.kind = Kind::kNotBegun};
  const bool is_below =
      is_new ? IsBelow(*node, asker) : circles_.contains(&asker);
  if (is_below) {
    return {.kind = Followed(*node) == &asker ? Kind::kDirectlyBelow
                                              : Kind::kBelow};
  }
  return {
      .kind = Kind::kServes,
      .watermark = node->position(),
      .is_stranded = node->link() != nullptr && node->link()->is_stranded()};
}

bool SimulatedNetwork::IsBelow(const SimulatedNode& node,
                               const SimulatedNode& other) const {
  // Longer than any way that does not go round.
  size_t left = nodes_.size();
  for (const SimulatedNode* at = &node; at != nullptr && left > 0; --left) {
    if (at == &other) return true;
    at = Followed(*at);
  }
  return false;
}

// Each node follows one, so a walk up from each ends, or comes to a node that a
// walk has been at before: if that was this one, it has gone round.
std::set<const SimulatedNode*> SimulatedNetwork::Circles() const {
  std::set<const SimulatedNode*> circles;
  std::map<const SimulatedNode*, const SimulatedNode*> walks;
  for (const auto& [name, node] : nodes_) {
    const SimulatedNode* at = node.get();
    while (at != nullptr && walks.emplace(at, node.get()).second) {
      at = Followed(*at);
    }
    if (at == nullptr || walks.at(at) != node.get()) continue;
    while (circles.insert(at).second) at = Followed(*at);
  }
  return circles;
}

void SimulatedNetwork::Step(milliseconds now) {
  // A plan makes one with what others still do by an older one, which they find
  // out after a moment.
  if (now % seconds(1) < kStep) circles_ = Circles();
  std::map<const SimulatedNode*, uint64_t> before;
  for (const auto& [name, node] : nodes_) {
    before[node.get()] = node->position();
    if (node->is_running()) node->Step();
  }
  Receivers receivers;
  std::vector<const SimulatedNode*> senders;  // Each behind its own.
  for (const auto& [name, node] : nodes_) {
    const bool is_connected =
        node->link() != nullptr && node->link()->is_connected();
    SimulatedNode* const sender =
        is_connected ? Find(node->link()->sender()) : nullptr;
    if (sender != nullptr && sender->is_serving() &&
        AreConnected(*sender, *node)) {
      receivers[sender].push_back(node.get());
    } else {
      senders.push_back(node.get());
    }
  }
  const SimulatedNode* const source = Find("source");
  const auto at_source = receivers.find(source);
  if (at_source != receivers.end()) {
    most_at_source_ = std::max(most_at_source_, at_source->second.size());
  }
  for (size_t i = 0; !receivers.empty(); ++i) {
    // Those that are left send to each other in a ring.
    if (i == senders.size()) senders.push_back(MostOf(receivers));
    auto sent = receivers.extract(senders[i]);
    if (sent.empty()) continue;
    SendFrom(*senders[i], sent.mapped());
    senders.insert(senders.end(), sent.mapped().begin(), sent.mapped().end());
  }
  Check(now, before);
}

const SimulatedNode* SimulatedNetwork::MostOf(const Receivers& receivers) {
  return std::ranges::max_element(receivers, {},
                                  [](const auto& one) {
                                    return std::pair(one.first->position(),
                                                     one.first->name());
                                  })
      ->first;
}

void SimulatedNetwork::SendFrom(const SimulatedNode& sender,
                                std::vector<SimulatedNode*>& receivers) {
  constexpr int64_t kSteps = seconds(1) / kStep;
  // Those that take less leave the rest to the others.
  std::ranges::sort(receivers, {}, [](const SimulatedNode* node) {
    return std::pair(node->rate(), node->name());
  });
  int64_t left = sender.rate() / kSteps;
  auto others = static_cast<int64_t>(receivers.size());
  for (SimulatedNode* const node : receivers) {
    const int64_t missing = static_cast<int64_t>(sender.position()) -
                            static_cast<int64_t>(node->position());
    const int64_t bytes =
        std::min({left / others--, node->rate() / kSteps, missing});
    if (bytes <= 0) continue;
    left -= bytes;
    sent_ += static_cast<uint64_t>(bytes);
    node->Receive(static_cast<uint64_t>(bytes));
  }
}

void SimulatedNetwork::Check(
    milliseconds now, const std::map<const SimulatedNode*, uint64_t>& before) {
  const bool has_source = std::ranges::any_of(nodes_, [this](const auto& one) {
    const SimulatedNode& node = *one.second;
    return node.is_serving() && node.has_all() && IsInReach(node);
  });
  for (const auto& [name, node] : nodes_) {
    const SimulatedLink* const link = node->link();
    const bool is_split = link != nullptr && link->is_connected() &&
                          link->current() != link->sender() &&
                          Followed(*node)->position() > node->position();
    milliseconds& split = split_[node.get()];
    split = is_split ? split + kStep : milliseconds(0);
    longest_split_ = std::max(longest_split_, split);
    EXPECT_NE(split, kHealed)
        << now.count() << " ms: " << name << " follows " << link->current()
        << " and is connected to " << link->sender();

    milliseconds& stalled = stalled_[node.get()];
    if (!has_source || !node->is_running() || !IsInReach(*node) ||
        node->has_all() || node->position() != before.at(node.get())) {
      stalled = {};
      continue;
    }
    stalled += kStep;
    longest_stall_ = std::max(longest_stall_, stalled);
    EXPECT_NE(stalled, kHealed)
        << now.count() << " ms: " << name << " gets nothing, at "
        << node->position()
        << (link == nullptr
                ? ""
                : absl::StrCat(" from ", link->current(),
                               link->is_stranded() ? ", is stranded" : ""));
  }
}

}  // namespace tcptool::fleet
