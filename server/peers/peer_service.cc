#include "server/peers/peer_service.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/peers/follow_call.h"

namespace tcptool::server {
namespace {

// How soon followers are told of a block. It is no part of the delay with which
// the bytes are sent on.
constexpr auto kTick = std::chrono::milliseconds(20);
// And of the end, and the last digests: the last node of a chain has them as
// many times this later as there are nodes.
constexpr auto kTickAtEnd = std::chrono::milliseconds(1);
constexpr auto kPurge = std::chrono::seconds(1);
// Of a ReportRatesRequest.
constexpr int kMostEdges = 100;
constexpr int kMostProgress = 100;

absl::Status Check(const peer::v1::ReportRatesRequest& request) {
  if (request.node().empty()) {
    return absl::InvalidArgumentError("node: it is empty");
  }
  if (request.edges_size() > kMostEdges) {
    return absl::InvalidArgumentError(
        absl::StrCat("edges: there are more than ", kMostEdges));
  }
  for (int i = 0; i < request.edges_size(); ++i) {
    const peer::v1::EdgeRate& edge = request.edges(i);
    if (edge.busy_milliseconds() < 0 || edge.bytes() < 0 ||
        edge.allowed_bytes_per_second() < 0 ||
        edge.observed_milliseconds() < 0 || edge.observed_bytes() < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("edges[", i, "]: a number is negative"));
    }
  }
  if (request.progress_size() > kMostProgress) {
    return absl::InvalidArgumentError(
        absl::StrCat("progress: there is more than ", kMostProgress));
  }
  for (int i = 0; i < request.progress_size(); ++i) {
    const peer::v1::DeliveryProgress& progress = request.progress(i);
    if (progress.bytes_received() < 0 || progress.bytes_per_second() < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("progress[", i, "]: a number is negative"));
    }
  }
  return absl::OkStatus();
}

absl::Status NoFleet() {
  return absl::FailedPreconditionError("this node is in no fleet (--fleet)");
}

}  // namespace

PeerService::PeerService()
    : take_rates_(
          [this](const peer::v1::ReportRatesRequest& request, const Caller&,
                 const RatesCall::Done& done) { TakeRates(request, done); }),
      get_progress_([this](const peer::v1::GetProgressRequest& request,
                           const Caller&, const ProgressCall::Done& done) {
        GetProgress(request, done);
      }) {}

absl::StatusOr<std::unique_ptr<PeerService>> PeerService::Start(
    const PeerContents::Service& service,
    const asio::ip::tcp::endpoint& data_endpoint,
    uint64_t most_bytes_per_second, const PeerPort::Limits& limits,
    PeerPort::NewTls new_tls) {
  auto peers = absl::WrapUnique(new PeerService());
  PeerService* const self = peers.get();
  const bool data_tls = new_tls != nullptr;
  auto port = PeerPort::Listen(
      self->io_, data_endpoint, limits,
      [self](const std::string& host) {
        return self->followers_->tickets().CountOf(host,
                                                   TicketBook::Clock::now());
      },
      [self](const auto& secret, DataConnection connection) {
        self->OnTicket(secret, std::move(connection));
      },
      std::move(new_tls));
  if (!port.ok()) return port.status();
  self->port_ = *std::move(port);
  self->contents_ = std::make_shared<PeerContents>(service);
  self->followers_.emplace(self->contents_, self->data_port(),
                           most_bytes_per_second, data_tls);
  self->tick_.emplace(self->io_);
  self->purge_.emplace(self->io_.get_executor(), kPurge, [self] {
    self->contents_->Purge(std::chrono::steady_clock::now());
    self->followers_->refusals().Flush();
    self->followers_->nodes().Flush();
  });
  self->look_.emplace(self->io_.get_executor(), Egress::kInterval, [self] {
    self->followers_->egress().Look(std::chrono::steady_clock::now());
  });
  self->work_.emplace(self->io_.get_executor());
  self->port_->Open();
  self->Tick();
  self->purge_->Run();
  self->look_->Run();
  self->thread_ = std::thread([self] { self->io_.run(); });
  return peers;
}

void PeerService::Tick() {
  const bool is_end_next = followers_->Tick(std::chrono::steady_clock::now());
  tick_->expires_after(is_end_next ? kTickAtEnd : kTick);
  tick_->async_wait([this](std::error_code) { Tick(); });
}

PeerService::~PeerService() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void PeerService::AddTo(MethodTable& table) {
  const auto& service =
      *peer::v1::FollowRequest::descriptor()->file()->FindServiceByName(
          "PeerService");
  table.Add(*service.FindMethodByName("Follow"), Role::kPeer,
            [this](Call::Headers headers) {
              return std::make_shared<FollowCall>(std::move(headers),
                                                  *followers_);
            });
  table.Add(*service.FindMethodByName("ReportRates"), Role::kPeer,
            [this](Call::Headers headers) {
              return std::make_shared<RatesCall>(std::move(headers),
                                                 take_rates_);
            });
  table.Add(*service.FindMethodByName("GetProgress"), Role::kPeer,
            [this](Call::Headers headers) {
              return std::make_shared<ProgressCall>(std::move(headers),
                                                    get_progress_);
            });
}

void PeerService::TakeRates(const peer::v1::ReportRatesRequest& request,
                            const RatesCall::Done& done) const {
  if (absl::Status status = Check(request); !status.ok()) return done(status);
  if (on_rates_ == nullptr) return done(NoFleet());
  on_rates_(request, [done](const absl::Status& status) {
    if (!status.ok()) return done(status);
    done(peer::v1::ReportRatesResponse());
  });
}

void PeerService::GetProgress(const peer::v1::GetProgressRequest& request,
                              const ProgressCall::Done& done) const {
  if (request.distribution().empty()) {
    return done(absl::InvalidArgumentError("distribution: it is empty"));
  }
  if (on_get_progress_ == nullptr) return done(NoFleet());
  on_get_progress_(request, done);
}

void PeerService::OnTicket(const TicketBook::Secret& secret,
                           DataConnection connection) {
  const auto now = TicketBook::Clock::now();
  const auto id = followers_->tickets().Redeem(secret, now);
  const auto call = id ? followers_->Find(*id) : nullptr;
  if (call == nullptr) {
    // Whoever connects may do so again and again.
    LogDebug("ticket_refused",
             {{"address", connection.peer.address().to_string()}});
    return;  // The connection is reset.
  }
  call->Take(std::move(connection));
}

}  // namespace tcptool::server
