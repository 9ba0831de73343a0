#include "server/fleet/state/fleet_state.h"

#include <functional>
#include <utility>

#include "server/fleet/state/values.h"

namespace tcptool::fleet {
namespace {

using Kind = FleetKey::Kind;

bool IsPut(const PrefixChange& change) {
  return change.kind == PrefixChange::Kind::kPut;
}

bool IsEmpty(const Distribution& distribution) {
  return !distribution.spec && !distribution.head &&
         !distribution.has_unknown_head && distribution.edges.empty() &&
         distribution.deliveries.empty() && !distribution.is_cancel_requested;
}

}  // namespace

const v1::Edge* EdgeInForce(const v1::EdgeRecord& record, int64_t head_epoch) {
  if (record.edge().epoch() <= head_epoch) return &record.edge();
  if (record.has_previous() && record.previous().epoch() <= head_epoch) {
    return &record.previous();
  }
  return nullptr;
}

const v1::Edge* EdgeInForce(const Distribution& distribution,
                            const std::string& node) {
  const auto record = distribution.edges.find(node);
  if (record == distribution.edges.end() || !distribution.head) return nullptr;
  return EdgeInForce(record->second.value, distribution.head->value.epoch());
}

void FleetState::Apply(const PrefixMirror::Changes& changes) {
  for (const PrefixChange& change : changes) {
    const std::optional<FleetKey> key = keys_.Parse(change.key);
    if (!key) {
      ++skipped_;
    } else if (key->kind == Kind::kNode) {
      Store(change, key->node, nodes_);
    } else if (key->kind == Kind::kCoordinator) {
      Store(change, coordinator_);
    } else if (key->kind == Kind::kRequest) {
      const size_t hash = std::hash<std::string>()(change.key);
      if (IsPut(change)) {
        requests_.insert(hash);
      } else {
        requests_.erase(hash);
      }
    } else {
      ApplyToDistribution(*key, change);
    }
  }
}

void FleetState::ApplyToDistribution(const FleetKey& key,
                                     const PrefixChange& change) {
  const auto found = distributions_.try_emplace(key.distribution).first;
  Distribution& distribution = found->second;
  switch (key.kind) {
    case Kind::kSpec:
      Store(change, distribution.spec);
      break;
    case Kind::kHead:
      Store(change, distribution.head);
      distribution.has_unknown_head = IsPut(change) && !distribution.head;
      break;
    case Kind::kCancel:
      distribution.is_cancel_requested = IsPut(change);
      break;
    case Kind::kEdge:
      Store(change, key.node, distribution.edges);
      break;
    case Kind::kDelivery:
      Store(change, key.node, distribution.deliveries);
      break;
    case Kind::kNode:
    case Kind::kCoordinator:
    case Kind::kRequest:
      break;  // Of no distribution.
  }
  if (IsEmpty(distribution)) distributions_.erase(found);
}

template <typename Value>
void FleetState::Store(const PrefixChange& change,
                       std::optional<Stored<Value>>& stored) {
  stored.reset();
  if (!IsPut(change)) return;
  Stored<Value> parsed = {.create_revision = change.entry.create_revision,
                          .mod_revision = change.entry.mod_revision};
  if (ParseValue(change.entry.value, parsed.value)) {
    stored = std::move(parsed);
  } else {
    ++skipped_;
  }
}

template <typename Value>
void FleetState::Store(const PrefixChange& change, const std::string& name,
                       std::map<std::string, Stored<Value>>& stored) {
  std::optional<Stored<Value>> parsed;
  Store(change, parsed);
  if (parsed) {
    stored.insert_or_assign(name, *std::move(parsed));
  } else {
    stored.erase(name);
  }
}

}  // namespace tcptool::fleet
