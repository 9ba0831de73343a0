#include "server/fleet/member/fleet_node.h"

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
#include "server/fleet/member/peer_messages.h"
#include "version.h"

namespace tcptool::fleet {

using server::LogError;
using server::LogInfo;
using server::LogWarning;

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
  node.set_life_sign(life_sign_.text());
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
          [this](const std::string& address, const EdgeRates& rates,
                 const std::vector<NodeProgress>& progress) {
            clients_->Report(address,
                             ToRequest(options_.node, rates, progress));
          },
      .trouble =
          [this](const absl::Status& status) {
            if (!trouble_.Allows()) return;
            LogWarning("etcd_trouble",
                       {{"error", status.message()},
                        {"untold_before", trouble_.TakeUntold()}});
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
