#include "server/fleet/member/fleet_node.h"

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "server/base/log.h"
#include "server/fleet/deliveries/post_weakly.h"
#include "version.h"

namespace tcptool::fleet {

using server::LogError;
using server::LogInfo;
using server::LogWarning;

namespace {

constexpr std::chrono::milliseconds kLongestAge = std::chrono::hours(1);

peer::v1::ReportRatesRequest ToRequest(const std::string& node,
                                       const EdgeRates& rates) {
  peer::v1::ReportRatesRequest request;
  request.set_node(node);
  for (const EdgeRate& rate : rates) {
    peer::v1::EdgeRate& edge = *request.add_edges();
    edge.set_distribution(rate.distribution);
    edge.set_parent(rate.parent);
    edge.set_epoch(rate.epoch);
    edge.set_busy_milliseconds(rate.busy.count());
    edge.set_bytes(static_cast<int64_t>(rate.bytes));
    edge.set_allowed_bytes_per_second(static_cast<int64_t>(rate.allowed));
  }
  return request;
}

EdgeRates ToRates(const peer::v1::ReportRatesRequest& request) {
  EdgeRates rates;
  for (const peer::v1::EdgeRate& edge : request.edges()) {
    rates.push_back(
        {.distribution = edge.distribution(),
         .node = request.node(),
         .parent = edge.parent(),
         .epoch = edge.epoch(),
         .busy = std::chrono::milliseconds(edge.busy_milliseconds()),
         .bytes = static_cast<uint64_t>(edge.bytes()),
         .allowed = static_cast<uint64_t>(edge.allowed_bytes_per_second())});
  }
  return rates;
}

peer::v1::ReportRatesRequest ToRequest(const std::string& node,
                                       const std::vector<NodeProgress>& all) {
  peer::v1::ReportRatesRequest request;
  request.set_node(node);
  for (const NodeProgress& one : all) {
    peer::v1::DeliveryProgress& progress = *request.add_progress();
    progress.set_distribution(one.distribution);
    progress.set_revision(one.revision);
    progress.set_bytes_received(one.bytes_received);
    progress.set_bytes_per_second(one.bytes_per_second);
  }
  return request;
}

std::vector<NodeProgress> ToProgress(
    const peer::v1::ReportRatesRequest& request) {
  std::vector<NodeProgress> all;
  for (const peer::v1::DeliveryProgress& one : request.progress()) {
    all.push_back({.distribution = one.distribution(),
                   .revision = one.revision(),
                   .node = request.node(),
                   .bytes_received = one.bytes_received(),
                   .bytes_per_second = one.bytes_per_second()});
  }
  return all;
}

peer::v1::GetProgressResponse ToResponse(const std::vector<NodeProgress>& all) {
  peer::v1::GetProgressResponse response;
  for (const NodeProgress& one : all) {
    peer::v1::NodeProgress& node = *response.add_nodes();
    node.set_node(one.node);
    node.set_bytes_received(one.bytes_received);
    node.set_bytes_per_second(one.bytes_per_second);
    node.set_age_milliseconds(one.age.count());
  }
  return response;
}

std::vector<NodeProgress> ToProgress(
    const peer::v1::GetProgressRequest& request,
    const peer::v1::GetProgressResponse& response) {
  std::vector<NodeProgress> all;
  for (const peer::v1::NodeProgress& one : response.nodes()) {
    all.push_back({.distribution = request.distribution(),
                   .revision = request.revision(),
                   .node = one.node(),
                   .bytes_received = one.bytes_received(),
                   .bytes_per_second = one.bytes_per_second(),
                   // What cannot be is no time that a client could read.
                   .age = std::chrono::milliseconds(std::clamp<int64_t>(
                       one.age_milliseconds(), 0, kLongestAge.count()))});
  }
  return all;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FleetNode>> FleetNode::Start(
    const FleetOptions& options, const EtcdOptions& etcd,
    server::WatchHub& hub) {
  auto keys = FleetKeys::Create(options.fleet);
  if (!keys.ok()) return keys.status();
  auto node = absl::WrapUnique(new FleetNode(options, *std::move(keys)));
  auto client = EtcdClient::Create(node->io_->get_executor(), etcd);
  if (!client.ok()) return client.status();
  node->etcd_ = *std::move(client);
  node->member_.emplace(
      node->io_->get_executor(), node->etcd_.get(),
      FleetMemberOptions{.keys = node->keys_, .node = options.node}, hub,
      node->Events());
  node->thread_ = std::thread([io = node->io_] {
    {
      const auto work = asio::make_work_guard(*io);
      io->run();  // Until it is stopped.
    }
    // What was answered meanwhile, which keeps the io_context.
    io->restart();
    io->poll();
  });
  return node;
}

FleetNode::FleetNode(const FleetOptions& options, FleetKeys keys)
    : options_(options), keys_(std::move(keys)) {}

FleetNode::~FleetNode() {
  if (!thread_.joinable()) return;
  asio::post(*io_, [this] {
    member_.reset();
    deliveries_.reset();
    etcd_.reset();
    io_->stop();
  });
  thread_.join();
}

void FleetNode::Join(const std::string& peer_address, const Service& service) {
  v1::Node node;
  node.set_rack(options_.rack);
  node.set_peer_address(peer_address);
  node.set_egress_bytes_per_second(options_.egress_bytes_per_second);
  node.mutable_labels()->insert(options_.labels.begin(), options_.labels.end());
  node.set_version(std::string(kVersion));
  moves_ = &service.moves;
  asio::post(*io_, [this, node = std::move(node), service] {
    deliveries_.emplace(
        NodeDeliveries::Service{.io = io_,
                                .receptions = service.receptions,
                                .table = service.table,
                                .sessions = service.sessions,
                                .session_table = service.session_table,
                                .contents = service.contents,
                                .places = service.places,
                                .moves = service.moves},
        options_.fleet, static_cast<size_t>(options_.max_deliveries));
    clients_ = &service.clients;
    member_->Join(node, &*deliveries_);
  });
}

FleetMeasures FleetNode::Measure() const {
  FleetMeasures measures = member_->counts().Read();
  const server::ParentMoves::Counts moves = moves_->Count();
  measures.moves_by_fault = moves.by_fault;
  measures.moves_by_plan = moves.by_plan;
  if (measures.is_coordinator) measures.totals = member_->table().Count();
  return measures;
}

void FleetNode::StopAnswering() {
  asio::post(*io_, [this] { member_->StopAnswering(); });
}

void FleetNode::TakeRates(const peer::v1::ReportRatesRequest& request,
                          std::function<void(const absl::Status&)> done) {
  asio::post(*io_, [this, rates = ToRates(request),
                    progress = ToProgress(request), done = std::move(done)] {
    const absl::Status status = member_->TakeReport(rates);
    if (!status.ok()) return done(status);
    done(member_->TakeProgress(progress));
  });
}

void FleetNode::GetProgress(
    const peer::v1::GetProgressRequest& request,
    std::function<void(absl::StatusOr<peer::v1::GetProgressResponse>)> done) {
  asio::post(*io_, [this, request, done = std::move(done)] {
    const auto told =
        member_->ToldProgress(request.distribution(), request.revision());
    if (!told.ok()) return done(told.status());
    done(ToResponse(*told));
  });
}

void FleetNode::AskForProgress(const std::string& address,
                               const std::string& distribution,
                               int64_t revision,
                               std::function<void(ProgressLookup::Told)> done) {
  if (clients_ == nullptr) return done(std::nullopt);
  peer::v1::GetProgressRequest request;
  request.set_distribution(distribution);
  request.set_revision(revision);
  clients_->GetProgress(
      address, request,
      [io = std::weak_ptr(io_), request, done = std::move(done)](
          const std::optional<peer::v1::GetProgressResponse>& response) {
        ProgressLookup::Told told;
        if (response) told = ToProgress(request, *response);
        PostWeakly(io, [done, told = std::move(told)] { done(told); });
      });
}

void FleetNode::Leave() {
  asio::post(*io_, [this] {
    member_->Leave([this] {
      absl::MutexLock lock(&mutex_);
      left_ = true;
      left_changed_.NotifyAll();
    });
  });
}

void FleetNode::WaitUntilLeft(std::chrono::nanoseconds timeout) {
  absl::MutexLock lock(&mutex_);
  left_changed_.WaitFor(
      &mutex_, timeout,
      [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return left_; });
}

FleetMember::Events FleetNode::Events() {
  return {
      .registered =
          [this](int64_t incarnation) {
            LogInfo("fleet_registered", {{"fleet", options_.fleet},
                                         {"node", options_.node},
                                         {"incarnation", incarnation}});
          },
      .lost =
          [this](const absl::Status& status) {
            LogWarning("fleet_registration_lost",
                       {{"node", options_.node}, {"error", status.message()}});
          },
      .refused =
          [this](const absl::Status& status) {
            LogError("fleet_node_refused",
                     {{"node", options_.node}, {"error", status.message()}});
          },
      .coordinating =
          [this](bool is_coordinator) {
            if (is_coordinator) {
              LogInfo("coordinating", {{"fleet", options_.fleet}});
            } else {
              LogInfo("coordinating_ended", {{"fleet", options_.fleet}});
            }
          },
      .slow =
          [](const SlowNode& slow) {
            LogWarning("slow_node", {{"distribution", slow.distribution},
                                     {"node", slow.node},
                                     {"bytes_per_second", slow.rate},
                                     {"usual_bytes_per_second", slow.usual}});
          },
      .report =
          [this](const std::string& address, const EdgeRates& rates) {
            clients_->Report(address, ToRequest(options_.node, rates));
          },
      .trouble =
          [this](const absl::Status& status) {
            if (!trouble_.Allows()) return;
            LogWarning("etcd_trouble",
                       {{"error", status.message()},
                        {"untold_before", trouble_.TakeUntold()}});
          },
      .report_progress =
          [this](const std::string& address,
                 const std::vector<NodeProgress>& progress) {
            clients_->Report(address, ToRequest(options_.node, progress));
          },
      .get_progress =
          [this](const std::string& address, const std::string& distribution,
                 int64_t revision,
                 std::function<void(ProgressLookup::Told)> done) {
            AskForProgress(address, distribution, revision, std::move(done));
          },
  };
}

}  // namespace tcptool::fleet
