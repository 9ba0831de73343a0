#include "server/daemon/daemon.h"

#include <algorithm>
#include <asio/ip/address.hpp>
#include <chrono>
#include <functional>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/processors.h"
#include "server/base/log.h"
#include "server/base/thread_priority.h"
#include "server/daemon/node_facts.h"
#include "server/daemon/ready_file.h"
#include "server/daemon/thread_room.h"
#include "server/peers/peer_upstream.h"
#include "server/rpc/grpc_threads.h"
#include "server/sessions/disk_worker.h"
#include "server/store/store_file.h"
#include "text/host_port.h"
#include "version.h"

namespace tcptool::server {
namespace {

// Those that work on a root's disk, and one for their deadlines.
constexpr size_t kThreadsOfRoot = DiskWorker::kMaxAllThreads + 1;
// Of the log, the store, the ports and whatever else there is one of; and some
// for what begins later: the names of senders, streams, disks that hang. Where
// these get none, it is an error of what needs them alone.
constexpr size_t kOtherThreads = 32;

// How long calls that do not end may go on once all sessions have ended. A stop
// may take 5 s in all.
constexpr auto kShutdownGrace = std::chrono::seconds(2);
// For clients over HTTP to take what they are sent last.
constexpr auto kLastAnswersLimit = std::chrono::milliseconds(500);

// For etcd to hear that the node leaves. Where it does not, the node's lease
// runs out later. The stop of a node that has nothing to do takes less than a
// second all the same.
constexpr auto kLeavePatience = std::chrono::milliseconds(500);

// Of other nodes, whose requests are short; each has a few connections.
constexpr int kMaxPeerMessageBytes = 64 << 10;
constexpr size_t kMaxPeerConnections = 1000;
// So that nodes and clients of the API have half of the reserve together.
constexpr size_t kReservePartsWithPeers = 4;

SessionManager::Options ManagerOptions(const Options& options,
                                       const dataplane::Engine& engine) {
  return {
      .rules = {.data_address = asio::ip::make_address(options.data.address),
                .advertise_address = options.data.advertise_address,
                .first_port = options.data.first_port,
                .last_port = options.data.last_port,
                .max_recipients =
                    static_cast<int32_t>(engine.max_recipients_per_session())},
      .max_sessions = options.control.max_sessions,
      .max_upload_bytes = options.control.max_upload_bytes};
}

// All file systems are asked at once: one that does not answer delays the start
// by ContentRoots::kDeadline, and so do many.
absl::Status AddRoots(const DataOptions& options, ContentRoots& roots,
                      ContentRoots& writable_roots) {
  for (const std::string& root : options.roots) {
    if (absl::Status status = roots.Begin(root); !status.ok()) return status;
  }
  for (const std::string& root : options.writable_roots) {
    absl::Status status = writable_roots.Begin(root);
    if (!status.ok()) return status;
  }
  absl::Status status = roots.Finish();
  const absl::Status writable_status = writable_roots.Finish();
  return status.ok() ? writable_status : status;
}

ContentRoots NewWritableRoots() {
  return ContentRoots(ContentRoots::kDeadline, ChooseBeneathMethod(),
                      "--receive");
}

}  // namespace

Daemon::Daemon(const Options& options)
    : options_(options),
      writable_roots_(NewWritableRoots()),
      engine_({.lanes = options.data.lanes}),
      hub_(options.control.max_watchers),
      manager_options_(ManagerOptions(options, engine_)) {}

absl::Status Daemon::Check(const Options& options) {
  ContentRoots roots;
  ContentRoots writable_roots = NewWritableRoots();
  absl::Status status = AddRoots(options.data, roots, writable_roots);
  if (!status.ok()) return status;
  status = ControlServer::Check(options.security);
  if (!status.ok()) return status;
  if (!options.data.tls.cert.empty()) {
    status = LoadDataTls(options.data.tls).status();
    if (!status.ok()) return status;
  }
  status = NodeCredentials::Load(options.peers, options.security).status();
  if (!status.ok()) return status;
  return fleet::LoadEtcdOptions(options.fleet).status();
}

absl::Status Daemon::CheckThreads(const Options& options) {
  const size_t roots =
      options.data.roots.size() + options.data.writable_roots.size();
  const size_t lanes = options.data.lanes != 0 ? options.data.lanes
                                               : dataplane::UsableProcessors();
  const size_t needed =
      lanes + GrpcThreads() + roots * kThreadsOfRoot + kOtherThreads;
  const size_t room = ThreadRoom(needed);
  if (room == needed) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "the system gives the service ", room, " threads, and it needs ", needed,
      "; raise the limit of tasks (TasksMax= of a unit, a container's limit of "
      "pids, ulimit -u)"));
}

absl::Status Daemon::Start() {
  absl::Status status = AddRoots(options_.data, roots_, writable_roots_);
  if (!status.ok()) return status;
  auto credentials = NodeCredentials::Load(options_.peers, options_.security,
                                           options_.fleet.node);
  if (!credentials.ok()) return credentials.status();
  node_credentials_ = *std::move(credentials);
  follow_clients_.emplace(node_credentials_);
  if (status = StartTls(); !status.ok()) return status;
  status = Restore();
  if (!status.ok()) return status;
  if (content_tls_ != nullptr) {
    metrics_->set_data_certificate(
        [tls = content_tls_->context()] { return CertificateExpiry(*tls); });
  }
  // Threads inherit the niceness of the one that creates them. The lanes and
  // the manager's threads exist already, and keep theirs; gRPC's and HTTP's
  // follow.
  YieldToDataPlane();
  if (status = StartFleet(); !status.ok()) return status;
  session_service_.emplace(*manager_, *table_, hub_);
  reception_service_.emplace(*receptions_, *reception_table_, hub_);
  distribution_service_.emplace(
      fleet_ == nullptr ? nullptr : &fleet_->distributions(),
      receptions_->uploads(), hub_);
  node_service_.emplace(
      NodeFacts(options_, engine_, manager_options_, receptions_->options()),
      roots_, writable_roots_, *manager_,
      content_tls_ == nullptr ? nullptr : content_tls_->context().get());
  file_service_.emplace(roots_, options_.data.browsable_roots);
  ControlServer::Interceptors interceptors;
  interceptors.push_back(metrics_->grpc().NewInterceptors());
  ControlOptions control_options = options_.control;
  if (!options_.peers.address.empty()) {
    control_options.reserve_parts = kReservePartsWithPeers;
  }
  absl::StatusOr<std::unique_ptr<ControlServer>> control = ControlServer::Start(
      control_options, options_.security,
      {&*session_service_, &*reception_service_, &*distribution_service_,
       &*node_service_, &*file_service_},
      std::move(interceptors));
  if (!control.ok()) return control.status();
  control_ = *std::move(control);
  if (status = StartPeers(); !status.ok()) return status;
  JoinFleet();
  if (status = StartHttp(); !status.ok()) return status;
  if (!options_.ready_file.empty()) {
    status = WriteReadyFile(
        options_.ready_file, control_->address(), http_->address(),
        peer_server_ == nullptr ? "" : peer_server_->address());
    if (!status.ok()) return status;
  }
  LogInfo("serving", {{"control", control_->address()},
                      {"http", http_->address()},
                      {"data", options_.data.address},
                      {"first_port", options_.data.first_port},
                      {"last_port", options_.data.last_port},
                      {"lanes", engine_.lanes()},
                      {"paths", BeneathMethodName(roots_.method())},
                      {"version", std::string(kVersion)}});
  return absl::OkStatus();
}

absl::Status Daemon::StartTls() {
  if (options_.data.tls.cert.empty()) return absl::OkStatus();
  auto tls = ContentTls::Start(options_.data.tls);
  if (!tls.ok()) return tls.status();
  content_tls_ = *std::move(tls);
  manager_options_.rules.data_tls = content_tls_->rules();
  return absl::OkStatus();
}

absl::Status Daemon::StartPeers() {
  if (options_.peers.address.empty()) return absl::OkStatus();
  const std::string& address = options_.peers.address;
  auto service = PeerService::Start(
      {.engine = engine_,
       .sessions = *manager_,
       .session_table = *table_,
       .receptions = *receptions_,
       .reception_table = *reception_table_,
       .writable_roots = writable_roots_,
       .roots = roots_,
       .distributions =
           options_.fleet.fleet.empty() ? nullptr : &distributed_contents_},
      {asio::ip::make_address(ParseHostPort(address)->host),
       options_.peers.data_port},
      static_cast<uint64_t>(options_.fleet.egress_bytes_per_second),
      PeerPort::Limits(), DataServersOf(node_credentials_));
  if (!service.ok()) return service.status();
  peer_service_ = *std::move(service);
  if (fleet_ != nullptr) {
    peer_service_->set_on_rates([this](const auto& request, auto done) {
      fleet_->TakeRates(request, std::move(done));
    });
    peer_service_->set_on_get_progress([this](const auto& request, auto done) {
      fleet_->GetProgress(request, std::move(done));
    });
  }
  ControlServer::Interceptors interceptors;
  interceptors.push_back(metrics_->grpc().NewInterceptors());
  auto server = ControlServer::Start(
      {.address = address,
       .option = "--peer-address",
       .max_message_bytes = kMaxPeerMessageBytes,
       .max_connections = kMaxPeerConnections,
       .reserve_parts = kReservePartsWithPeers},
      options_.security, {&*peer_service_}, std::move(interceptors),
      [this](bool works) { control_->SetOtherWorks(works); });
  if (!server.ok()) return server.status();
  peer_server_ = *std::move(server);
  LogInfo("serving_nodes",
          {{"address", peer_server_->address()},
           {"data_port", peer_service_->data_port()},
           {"data_tls", options_.peers.data_tls ? "on" : "off"}});
  return absl::OkStatus();
}

absl::Status Daemon::StartFleet() {
  if (options_.fleet.fleet.empty()) return absl::OkStatus();
  const auto etcd = fleet::LoadEtcdOptions(options_.fleet);
  if (!etcd.ok()) return etcd.status();
  auto node = fleet::FleetNode::Start(options_.fleet, *etcd, hub_);
  if (!node.ok()) return node.status();
  fleet_ = *std::move(node);
  metrics_->set_fleet([this] { return fleet_->Measure(); });
  return absl::OkStatus();
}

void Daemon::JoinFleet() {
  if (fleet_ == nullptr) return;
  fleet_->Join(peer_server_->address(), {.receptions = *receptions_,
                                         .table = *reception_table_,
                                         .sessions = *manager_,
                                         .session_table = *table_,
                                         .contents = peer_service_->contents(),
                                         .places = distributed_contents_,
                                         .moves = parent_moves_,
                                         .clients = *follow_clients_});
}

absl::Status Daemon::StartHttp() {
  pages_.emplace(
      HttpPages::Options{.status_page = options_.http.status_page,
                         .hosts = options_.http.hosts,
                         .is_reachable = [this] { return IsReachable(); },
                         .is_ready = [this] { return manager_->accepting(); },
                         .is_storing = [this] { return store_->health().ok(); },
                         .fleet = options_.fleet.fleet},
      *metrics_, *table_, *reception_table_,
      fleet_ == nullptr ? nullptr : &fleet_->distributions());
  HttpServed served;
  if (options_.connect.enabled) {
    auto api = ConnectApi::Create({.origins = options_.connect.origins,
                                   .hosts = options_.http.hosts,
                                   .max_message_bytes = static_cast<size_t>(
                                       options_.control.max_message_bytes)},
                                  options_.security, *control_);
    if (!api.ok()) return api.status();
    connect_api_ = *std::move(api);
    served = {.api = connect_api_.get(), .tls = connect_api_->tls()};
  }
  absl::StatusOr<std::unique_ptr<HttpServer>> http = HttpServer::Start(
      options_.http.address,
      [this](const HttpRequest& request, const HttpRespond& respond) {
        pages_->Get(request, respond);
      },
      HttpLimits(), served);
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  return absl::OkStatus();
}

absl::Status Daemon::Restore() {
  const absl::StatusOr<std::string> path =
      options_.state.path.empty() ? DefaultStatePath() : options_.state.path;
  if (!path.ok()) return path.status();
  // The store may report operations before `metrics_` exists, and is destroyed
  // before it is.
  auto store = Store::Open(
      *path, [this](const char* operation, absl::Duration time, bool ok) {
        if (metrics_) metrics_->store().Observe(operation, time, ok);
      });
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  auto contents = store_->Load();
  if (!contents.ok()) return contents.status();
  table_.emplace(contents->first_revision);
  reception_table_.emplace(contents->first_revision);
  metrics_.emplace(engine_, *table_, *reception_table_);
  receptions_.emplace(
      ReceptionManager::Options{
          .max_receptions = options_.control.max_receptions,
          .max_running = options_.control.max_running_receptions,
          .new_node_upstream =
              [this](NodePlan plan) {
                auto upstream = std::make_unique<PeerUpstream>(
                    std::move(plan), *follow_clients_, parent_moves_);
                auto set_nodes = upstream->node_setter();
                return LiveReceptions::NodeUpstream{
                    .upstream = std::move(upstream),
                    .set_nodes = std::move(set_nodes)};
              }},
      engine_, writable_roots_, *reception_table_, hub_, *store_);
  receptions_->Restore(*contents);
  manager_.emplace(manager_options_, engine_, roots_, *receptions_, *table_,
                   hub_, *store_);
  manager_->Restore(*std::move(contents));
  // Clients are about to be told what became of what the last run left: another
  // restart must not tell them otherwise. A disk that takes no changes now is
  // in the log, and does not keep the service from its work.
  store_->WaitUntilDurable().IgnoreError();
  return absl::OkStatus();
}

bool Daemon::PollLiveness() {
  const std::vector<uint64_t> before = std::move(probes_);
  probes_.clear();
  for (const auto& lane : engine_.Measure().lanes) {
    probes_.push_back(std::accumulate(lane.lag.counts.begin(),
                                      lane.lag.counts.end(), uint64_t{0}));
  }
  if (!control_->works()) return false;
  return before.empty() || std::equal(before.begin(), before.end(),
                                      probes_.begin(), std::less<>());
}

bool Daemon::IsReachable() const {
  return control_->works() &&
         (peer_server_ == nullptr || peer_server_->works());
}

void Daemon::Drain() {
  // First, as the other nodes need some time to find others to receive from.
  if (fleet_ != nullptr) fleet_->Leave();
  control_->StopServing();
  if (peer_server_ != nullptr) peer_server_->StopServing();
  if (peer_service_ != nullptr) peer_service_->Drain();
  manager_->Drain();
  receptions_->Drain();
}

bool Daemon::WaitUntilIdle(absl::Duration timeout) {
  return manager_->WaitUntilIdle(timeout) &&
         receptions_->WaitUntilIdle(timeout);
}

void Daemon::EndTransfers() {
  if (peer_service_ != nullptr) peer_service_->Stop();
  manager_->Stop();
  receptions_->Stop();
  hub_.StopAll();
  if (fleet_ != nullptr) {
    fleet_->StopAnswering();
    fleet_->WaitUntilLeft(kLeavePatience);
  }
  // An error is in the log.
  store_->WaitUntilDurable().IgnoreError();
}

void Daemon::Stop() {
  if (connect_api_ != nullptr) connect_api_->Stop();
  if (peer_server_ != nullptr) peer_server_->Stop(kShutdownGrace);
  control_->Stop(kShutdownGrace);
  // All calls have ended by now, and their ends are on their way.
  http_->WaitUntilAnswered(kLastAnswersLimit);
}

}  // namespace tcptool::server
