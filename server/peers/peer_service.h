// What this node offers to others: PeerService, and the data port.
#ifndef TCPTOOL_SERVER_PEERS_PEER_SERVICE_H_
#define TCPTOOL_SERVER_PEERS_PEER_SERVICE_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/repeating_timer.h"
#include "server/peers/followers.h"
#include "server/peers/peer_contents.h"
#include "server/peers/peer_port.h"
#include "server/rpc/method_table.h"
#include "server/rpc/unary_call.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Has a thread of its own, which waits for tickets and tells followers the
// news. peer_service.proto describes the methods.
class PeerService : public RpcService {
 public:
  // Takes what a node tells of its rates, and calls `done` once with OK or with
  // why it is no use; any thread may call it.
  using OnRates =
      std::function<void(const peer::v1::ReportRatesRequest&,
                         std::function<void(const absl::Status&)> done)>;

  // Knows how far the nodes of a distribution are, and calls `done` once, with
  // that or with why it does not know; any thread may call it.
  using OnGetProgress = std::function<void(
      const peer::v1::GetProgressRequest&,
      std::function<void(absl::StatusOr<peer::v1::GetProgressResponse>)> done)>;

  // Listens for data connections. `most_bytes_per_second`: what is sent to
  // other nodes in all; 0: no limit. `new_tls`: see PeerPort. Errors as those
  // of PeerPort::Listen().
  static absl::StatusOr<std::unique_ptr<PeerService>> Start(
      const PeerContents::Service& service,
      const asio::ip::tcp::endpoint& data_endpoint,
      uint64_t most_bytes_per_second = 0,
      const PeerPort::Limits& limits = PeerPort::Limits(),
      PeerPort::NewTls new_tls = nullptr);
  // The server of its calls has stopped.
  ~PeerService() override;

  // Before its calls are served. Without them they say that the node is in no
  // fleet.
  void set_on_rates(OnRates on_rates) { on_rates_ = std::move(on_rates); }
  void set_on_get_progress(OnGetProgress on_get_progress) {
    on_get_progress_ = std::move(on_get_progress);
  }

  void AddTo(MethodTable& table) override;

  uint16_t data_port() const { return port_->endpoint().port(); }
  const std::shared_ptr<PeerContents>& contents() const { return contents_; }

  // The service is stopping. Calls go on; but no node is told any more that a
  // content is not to be had, which it may be when the service is back.
  void Drain() { followers_->Drain(); }

  // Ends all calls, and takes no more.
  void Stop() {
    followers_->Stop();
    contents_->Stop();
  }

 private:
  using RatesCall =
      UnaryCall<peer::v1::ReportRatesRequest, peer::v1::ReportRatesResponse>;

  using ProgressCall =
      UnaryCall<peer::v1::GetProgressRequest, peer::v1::GetProgressResponse>;

  PeerService();

  void TakeRates(const peer::v1::ReportRatesRequest& request,
                 const RatesCall::Done& done) const;
  void GetProgress(const peer::v1::GetProgressRequest& request,
                   const ProgressCall::Done& done) const;

  // Of the calls, again and again.
  void Tick();
  void OnTicket(const TicketBook::Secret& secret, DataConnection connection);

  asio::io_context io_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>>
      work_;
  std::unique_ptr<PeerPort> port_;
  std::shared_ptr<PeerContents> contents_;
  std::optional<Followers> followers_;
  OnRates on_rates_;
  OnGetProgress on_get_progress_;
  const RatesCall::Function take_rates_;
  const ProgressCall::Function get_progress_;
  std::optional<asio::steady_timer> tick_;
  std::optional<RepeatingTimer> purge_;
  std::optional<RepeatingTimer> look_;  // At what is sent.
  std::thread thread_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PEER_SERVICE_H_
