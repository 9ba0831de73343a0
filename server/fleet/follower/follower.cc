#include "server/fleet/follower/follower.h"

#include <algorithm>
#include <asio/post.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/time_util.h"
#include "server/fleet/follower/node_duties.h"
#include "server/fleet/state/values.h"

namespace tcptool::fleet {
namespace {

std::string StateText(v1::DistributionState state) {
  absl::string_view name = v1::DistributionState_Name(state);
  absl::ConsumePrefix(&name, "DISTRIBUTION_STATE_");
  return std::string(name);
}

}  // namespace

Follower::Follower(const asio::any_io_executor& executor, EtcdCalls* etcd,
                   const FleetState* state, DeliveryPort* port,
                   FollowerOptions options, Events events)
    : executor_(executor),
      etcd_(etcd),
      state_(state),
      port_(port),
      options_(std::move(options)),
      events_(std::move(events)) {}

Follower::~Follower() {
  for (auto& [id, delivery] : deliveries_) delivery.record->End();
}

void Follower::SetIncarnation(int64_t incarnation) {
  incarnation_ = incarnation;
  for (auto& [id, delivery] : deliveries_) {
    delivery.record->SetIncarnation(incarnation);
  }
}

void Follower::Update(int64_t revision) {
  const int64_t before = std::exchange(revision_, revision);
  if (revision < before) GoBack();
  if (before == 0) {
    std::set<DeliveryId> ids;
    std::set<DeliveryId> served;
    for (const auto& [name, distribution] : state_->distributions()) {
      if (!distribution.spec) continue;
      const DeliveryId id = IdOf(name, *distribution.spec);
      const bool is_over = IsOver(distribution);
      if (!is_over) ids.insert(id);
      if (distribution.spec->value.has_serve() &&
          (!is_over || HasEndedWell(distribution))) {
        served.insert(id);
      }
    }
    port_->KeepOnly(ids);
    port_->KeepServed(served);
  }
  port_->SetNodeCount(state_->nodes().size());
  DropOthers();
  for (const auto& [name, distribution] : state_->distributions()) {
    if (!distribution.spec) continue;
    Consider(IdOf(name, *distribution.spec), distribution, revision);
  }
  Count();
}

// Etcd was restored from an older backup: its limits and records are news.
void Follower::GoBack() {
  for (auto& [id, delivery] : deliveries_) {
    delivery.limited_at = 0;
    delivery.record->Forget();
  }
}

// Those that are deleted, also where another has the name.
void Follower::DropOthers() {
  for (auto at = deliveries_.begin(); at != deliveries_.end();) {
    const auto found = state_->distributions().find(at->first.distribution);
    if (found != state_->distributions().end() && found->second.spec &&
        IdOf(found->first, *found->second.spec) == at->first) {
      ++at;
      continue;
    }
    Release(at->first, at->second);
    EndServing(at->first, at->second);
    at->second.record->End();
    at = deliveries_.erase(at);
  }
}

void Follower::Consider(const DeliveryId& id, const Distribution& distribution,
                        int64_t revision) {
  const bool is_source = IsSource(distribution.spec->value);
  const auto stored = distribution.deliveries.find(options_.node);
  const bool has_record = stored != distribution.deliveries.end();
  const bool has_edge = EdgeInForce(distribution, options_.node) != nullptr;
  if (!is_source && !IsUploadedTo(distribution.spec->value) && !has_record &&
      !has_edge) {
    return;
  }
  Delivery& delivery = Get(id);
  delivery.is_source = is_source;
  delivery.record->Seen(has_record ? &stored->second : nullptr, revision);
  if (IsOver(distribution)) {
    Serve(id, distribution, delivery);
    return Stop(id, distribution, delivery);
  }
  if (!delivery.is_begun && IsGivenUp(delivery.record->state())) return;
  if (!is_source) {
    Receive(id, distribution, delivery);
  } else if (!delivery.is_begun) {
    port_->Offer(id, distribution.spec->value.file(), Begin(id, delivery));
  }
  Limit(id, distribution, delivery);
  Serve(id, distribution, delivery);
}

bool Follower::IsSource(const v1::DistributionSpec& spec) const {
  return spec.has_file() && spec.source_node() == options_.node;
}

bool Follower::IsUploadedTo(const v1::DistributionSpec& spec) const {
  return spec.has_upload() && spec.source_node() == options_.node;
}

Follower::Delivery& Follower::Get(const DeliveryId& id) {
  Delivery& delivery = deliveries_[id];
  if (delivery.record == nullptr) {
    delivery.record = std::make_shared<DeliveryRecord>(
        executor_, etcd_, state_->keys(), options_.node, id,
        DeliveryRecord::Events{
            .deleted =
                [this] {
                  // Not now, as it may be Update() that has told the record.
                  asio::post(executor_, [this, alive = std::weak_ptr(alive_)] {
                    if (!alive.expired()) Update(revision_);
                  });
                },
            .trouble = [this](const absl::Status& s) { events_.trouble(s); }});
    delivery.record->SetIncarnation(incarnation_);
  }
  return delivery;
}

void Follower::Stop(const DeliveryId& id, const Distribution& distribution,
                    Delivery& delivery) {
  // Who tries it again may delete the record, as the file may be another one
  // then: what it was is not told again.
  if (delivery.is_source) {
    Release(id, delivery);
    // Unless it goes on to tell whom it serves, of what others have as well.
    if (!delivery.is_served) delivery.record->Unset();
    return;
  }
  const v1::DeliveryState state = delivery.record->state();
  if (state == v1::DELIVERY_STATE_UNSPECIFIED ||
      state >= v1::DELIVERY_STATE_DELIVERED) {
    return Release(id, delivery);
  }
  delivery.takes_upload = delivery.is_begun = false;
  port_->Cancel(id, [this, id, alive = std::weak_ptr(alive_)](
                        const DeliveryProgress& kept) {
    if (alive.expired()) return;
    const auto found = deliveries_.find(id);
    if (found == deliveries_.end() ||
        found->second.record->state() != v1::DELIVERY_STATE_CANCELLED) {
      return;
    }
    Write(kept, found->second);
    Count();
  });
  Write({.state = v1::DELIVERY_STATE_CANCELLED,
         .detail = absl::StrCat("the distribution is ",
                                StateText(distribution.head->value.state()))},
        delivery);
}

void Follower::Receive(const DeliveryId& id, const Distribution& distribution,
                       Delivery& delivery) {
  if (delivery.takes_upload) return;
  const v1::DeliveryState state = delivery.record->state();
  if (!delivery.is_begun && IsUploadedTo(distribution.spec->value) &&
      IsUploadExpected(distribution, state)) {
    delivery.takes_upload = true;
    return port_->ReceiveUpload(id, distribution.spec->value,
                                HasSomething(state), Begin(id, delivery));
  }
  const v1::Edge* const edge = EdgeInForce(distribution, options_.node);
  const bool is_delivered = state == v1::DELIVERY_STATE_DELIVERED;
  std::vector<SendingNode> nodes;
  if (edge != nullptr) {
    // Etcd has gone back, although it may have come as far again.
    if (distribution.head->value.epoch() < delivery.epoch) delivery.epoch = 0;
    // A list that comes late has an old one.
    if (edge->epoch() < delivery.epoch) return;
    delivery.epoch = edge->epoch();
    nodes = NodesOf(*edge, delivery.nodes);
  }
  if (!delivery.is_begun) {
    // Who has all of it serves others, although nobody is there any more whom
    // it has it from.
    if (nodes.empty() && !is_delivered) return;
    delivery.nodes = nodes;
    return port_->Receive(id, distribution.spec->value, std::move(nodes),
                          is_delivered, Begin(id, delivery));
  }
  if (nodes.empty() || delivery.nodes == nodes || is_delivered) return;
  delivery.nodes = nodes;
  port_->Reparent(id, std::move(nodes));
}

void Follower::Limit(const DeliveryId& id, const Distribution& distribution,
                     Delivery& delivery) {
  // Edges come into force by a change of the head, and the spec's limits stay.
  const int64_t head = distribution.head ? distribution.head->mod_revision : 1;
  if (!delivery.is_begun || delivery.limited_at == head) return;
  delivery.limited_at = head;
  port_->Limit(id, LimitsOf(distribution, options_.node));
}

void Follower::Serve(const DeliveryId& id, const Distribution& distribution,
                     Delivery& delivery) {
  bool is_wanted = distribution.spec->value.has_serve();
  if (is_wanted && IsOver(distribution)) {
    is_wanted = HasEndedWell(distribution) &&
                delivery.record->state() == v1::DELIVERY_STATE_DELIVERED;
  } else if (is_wanted) {
    is_wanted = delivery.is_begun;
  }
  // It may have been written to since it was read: others have what it was.
  const v1::Content* source = nullptr;
  if (is_wanted && delivery.is_source) {
    is_wanted = distribution.head && distribution.head->value.has_content();
    if (is_wanted) source = &distribution.head->value.content();
  }
  const std::string root = source == nullptr ? "" : source->root();
  // One update may tell both that it has FAILED and that a retry has another
  // content, as its file has changed.
  if (!is_wanted || root != delivery.served_root) EndServing(id, delivery);
  if (!is_wanted || std::exchange(delivery.is_served, true)) return;
  delivery.served_root = root;
  port_->Serve(
      id, distribution.spec->value, source,
      [this, id, alive = std::weak_ptr(alive_)](const v1::Serving& serving) {
        if (alive.expired()) return;
        const auto found = deliveries_.find(id);
        if (found == deliveries_.end() || !found->second.is_served) return;
        found->second.serving = serving;
        found->second.record->SetServing(serving);
      });
}

void Follower::EndServing(const DeliveryId& id, Delivery& delivery) {
  if (!std::exchange(delivery.is_served, false)) return;
  port_->EndServing(id);
  // It has never come to a session.
  if (delivery.serving.session().empty()) return;
  delivery.serving.clear_endpoint();
  delivery.serving.set_connected(0);
  delivery.record->SetServing(delivery.serving);
}

DeliveryPort::OnProgress Follower::Begin(const DeliveryId& id,
                                         Delivery& delivery) {
  delivery.is_begun = true;
  delivery.limited_at = 0;
  return [this, id, attempt = ++delivery.attempt,
          alive = std::weak_ptr(alive_)](const DeliveryProgress& progress) {
    if (alive.expired()) return;
    const auto found = deliveries_.find(id);
    if (found == deliveries_.end() || !found->second.is_begun ||
        found->second.attempt != attempt) {
      return;
    }
    Progressed(id, found->second, progress);
  };
}

void Follower::Progressed(const DeliveryId& id, Delivery& delivery,
                          const DeliveryProgress& progress) {
  if (IsGivenUp(progress.state)) {
    Release(id, delivery);
    EndServing(id, delivery);
  }
  Write(progress, delivery);
  Count();
}

void Follower::Release(const DeliveryId& id, Delivery& delivery) {
  delivery.takes_upload = false;
  if (std::exchange(delivery.is_begun, false)) port_->Release(id);
}

void Follower::Write(const DeliveryProgress& progress, Delivery& delivery) {
  if (!delivery.is_source && progress.state >= v1::DELIVERY_STATE_DELIVERED &&
      progress.state != delivery.record->state()) {
    ++counts_.ended[progress.state];
  }
  v1::Delivery value;
  value.set_state(progress.state);
  value.set_detail(progress.detail);
  *value.mutable_moves() = {progress.moves.begin(), progress.moves.end()};
  if (progress.state >= v1::DELIVERY_STATE_DELIVERED) {
    *value.mutable_end_time() =
        google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
            absl::ToUnixNanos(options_.now()));
  }
  if (progress.state == v1::DELIVERY_STATE_DELIVERED) {
    *value.mutable_content() = progress.content;
    value.set_not_given(progress.not_given);
  }
  delivery.record->Set(std::move(value));
}

void Follower::Count() {
  counts_.held = {};
  for (const auto& [id, delivery] : deliveries_) {
    const v1::DeliveryState state = delivery.record->state();
    // A record may be a newer version's.
    if (delivery.is_source || !v1::DeliveryState_IsValid(state)) continue;
    ++counts_.held[state];
  }
  events_.counted(counts_);
}

std::vector<SendingNode> Follower::NodesOf(
    const v1::Edge& edge, const std::vector<SendingNode>& known) const {
  std::vector<SendingNode> nodes;
  const auto add = [&](const std::string& name) {
    if (name == options_.node) return;
    const auto node = state_->nodes().find(name);
    if (node != state_->nodes().end()) {
      nodes.push_back(
          {.name = name, .address = node->second.value.peer_address()});
      return;
    }
    const auto last = std::ranges::find(known, name, &SendingNode::name);
    if (last != known.end()) nodes.push_back(*last);
  };
  add(edge.parent());
  for (const std::string& fallback : edge.fallbacks()) add(fallback);
  return nodes;
}

}  // namespace tcptool::fleet
