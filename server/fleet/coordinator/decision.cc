#include "server/fleet/coordinator/decision.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "server/fleet/coordinator/targets.h"
#include "server/fleet/state/values.h"

namespace tcptool::fleet {
namespace {

bool IsDecided(const Distribution& distribution) {
  if (!distribution.spec || distribution.has_unknown_head) return false;
  return !distribution.head || !IsFinal(distribution.head->value.state());
}

absl::Time ExpiryOf(const v1::DistributionSpec& spec) {
  if (!spec.has_expire_time()) return absl::InfiniteFuture();
  return absl::FromUnixSeconds(spec.expire_time().seconds()) +
         absl::Nanoseconds(spec.expire_time().nanos());
}

// How many targets are how far.
struct Tally {
  size_t targets = 0;
  size_t delivered = 0;
  size_t failed = 0;
};

Tally Count(const Distribution& distribution,
            const std::set<std::string>& targets, const v1::Content* content) {
  Tally tally = {.targets = targets.size()};
  for (const std::string& target : targets) {
    const Progress progress = ProgressOf(distribution, target, content);
    if (progress == Progress::kDelivered) ++tally.delivered;
    if (progress == Progress::kFailed) ++tally.failed;
  }
  return tally;
}

struct Outcome {
  v1::DistributionState state;
  std::string detail;
};

// One that has ended otherwise than in order.
Outcome Shortfall(const Tally& tally, v1::DistributionState if_none,
                  const std::string& why) {
  return {.state = tally.delivered > 0
                       ? v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED
                       : if_none,
          .detail = absl::StrCat(tally.targets - tally.delivered, " of ",
                                 tally.targets,
                                 " nodes do not have the content", why)};
}

// Why a source has failed, which may be that it has read another content since.
std::string ReasonOf(const v1::Delivery& source) {
  return source.state() == v1::DELIVERY_STATE_DELIVERED
             ? "what it has is another content than it had before; try the "
               "distribution again to distribute that"
             : source.detail();
}

// None while it goes on.
std::optional<Outcome> OutcomeOf(const Distribution& distribution,
                                 const Tally& tally, const v1::Content* content,
                                 absl::Time now) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  if (tally.targets > 0 && tally.delivered == tally.targets) {
    return Outcome{.state = v1::DISTRIBUTION_STATE_SUCCEEDED};
  }
  if (tally.targets > 0 && tally.delivered + tally.failed == tally.targets) {
    return Shortfall(tally, v1::DISTRIBUTION_STATE_FAILED, "");
  }
  if (distribution.is_cancel_requested) {
    return Outcome{.state = v1::DISTRIBUTION_STATE_CANCELLED};
  }
  if (now >= ExpiryOf(spec)) {
    return Shortfall(tally, v1::DISTRIBUTION_STATE_EXPIRED, ": it has expired");
  }
  if (tally.delivered == 0 && ProgressOf(distribution, spec.source_node(),
                                         content) == Progress::kFailed) {
    const std::string reason =
        ReasonOf(distribution.deliveries.at(spec.source_node()).value);
    return Outcome{.state = v1::DISTRIBUTION_STATE_FAILED,
                   .detail = absl::StrCat("the source, node '",
                                          spec.source_node(), "', has failed",
                                          reason.empty() ? "" : ": ", reason)};
  }
  return std::nullopt;
}

// What the source's node lacks to begin, as it says. Empty: nothing.
std::string HindranceOfSource(const Distribution& distribution) {
  const auto source =
      distribution.deliveries.find(distribution.spec->value.source_node());
  return source != distribution.deliveries.end() &&
                 source->second.value.state() == v1::DELIVERY_STATE_WAITING
             ? source->second.value.detail()
             : "";
}

std::string WhatItWaitsFor(const Distribution& distribution,
                           const NewPlan& plan, const Tally& tally,
                           const v1::Content* content) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  const std::string hindrance = HindranceOfSource(distribution);
  if (content == nullptr && !HasSourceContent(distribution)) {
    return absl::StrCat("nothing of the upload has come to node '",
                        spec.source_node(), "' yet",
                        hindrance.empty() ? "" : ": ", hindrance);
  }
  if (content == nullptr && !hindrance.empty()) {
    return absl::StrCat("the source, node '", spec.source_node(),
                        "', has not begun: ", hindrance);
  }
  if (plan.lacks_source) {
    return absl::StrCat(
        "no node that could give the whole content is there; the source is "
        "node '",
        spec.source_node(), "'");
  }
  if (tally.targets == 0) return "no node is a target";
  if (plan.epoch == 0) {
    return spec.has_upload() ? "no other target is there"
                             : "none of the targets is there";
  }
  return "";
}

DistributionChange DecideOne(const std::string& name,
                             const Distribution& distribution,
                             const FleetNodes& nodes,
                             const std::set<std::string>& slow,
                             absl::Time now) {
  DistributionChange change = {
      .distribution = name,
      .spec_create_revision = distribution.spec->create_revision};
  if (distribution.head) {
    change.head_mod_revision = distribution.head->mod_revision;
    change.head = distribution.head->value;
  }
  const std::set<std::string> targets = TargetsOf(distribution, nodes);
  const v1::Content* const content = ContentOf(distribution);
  if (content != nullptr) {
    const v1::Content found = *content;
    *change.head.mutable_content() = found;
  }
  const Tally tally = Count(distribution, targets, content);
  if (auto outcome = OutcomeOf(distribution, tally, content, now); outcome) {
    change.head.set_state(outcome->state);
    change.head.set_detail(std::move(outcome->detail));
    *change.head.mutable_end_time() =
        google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
            absl::ToUnixNanos(now));
    return change;
  }
  NewPlan plan = PlanNewEdges(distribution, nodes, targets, content, slow, now);
  change.head.set_state(plan.epoch == 0 ? v1::DISTRIBUTION_STATE_PLANNING
                                        : v1::DISTRIBUTION_STATE_RUNNING);
  change.head.set_detail(WhatItWaitsFor(distribution, plan, tally, content));
  change.head.set_epoch(plan.epoch);
  change.head.set_branching(plan.branching);
  change.edges = std::move(plan.edges);
  return change;
}

}  // namespace

std::vector<DistributionChange> Decide(const FleetState& state,
                                       const SlowNodes& slow, absl::Time now) {
  static const std::set<std::string> kNone;
  std::vector<DistributionChange> changes;
  for (const auto& [name, distribution] : state.distributions()) {
    if (!IsDecided(distribution)) continue;
    const auto slow_in_it = slow.find(name);
    DistributionChange change =
        DecideOne(name, distribution, state.nodes(),
                  slow_in_it == slow.end() ? kNone : slow_in_it->second, now);
    if (change.edges.empty() && distribution.head &&
        google::protobuf::util::MessageDifferencer::Equals(
            change.head, distribution.head->value)) {
      continue;
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

absl::Time NextExpiry(const FleetState& state) {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [name, distribution] : state.distributions()) {
    if (!IsDecided(distribution)) continue;
    next = std::min(next, ExpiryOf(distribution.spec->value));
  }
  return next;
}

}  // namespace tcptool::fleet
