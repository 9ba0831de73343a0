#include "server/fleet/etcd/etcd_client.h"

#include <utility>

#include "absl/status/status.h"
#include "server/fleet/etcd/authenticator.h"
#include "server/fleet/etcd/call_errors.h"
#include "server/fleet/etcd/etcd_context.h"
#include "server/fleet/etcd/renewal.h"
#include "server/fleet/etcd/unary_call.h"
#include "server/fleet/etcd/watch_stream.h"

namespace tcptool::fleet {
namespace {

template <typename Request, typename Response, typename Start>
void Call(const std::shared_ptr<EtcdContext>& etcd,
          const std::shared_ptr<Authenticator>& authenticator, CallKind kind,
          const Request& request, Start start, EtcdDone<Response> done) {
  std::make_shared<UnaryCall<Request, Response>>(
      etcd,
      [authenticator](std::function<void(const absl::Status&)> then) {
        authenticator->Authenticate(std::move(then));
      },
      kind, request, std::move(start), std::move(done))
      ->Try();
}

// A watch that begins when there is a token, if it needs one.
class ClientWatch final : public EtcdWatchStream {
 public:
  ~ClientWatch() override {
    state_->closed = true;
    if (state_->stream != nullptr) state_->stream->Close();
  }

  void Start(const std::shared_ptr<EtcdContext>& etcd, Authenticator& users,
             const etcdserverpb::WatchCreateRequest& request, Events events) {
    if (!WantsToken(*etcd)) {
      state_->Start(etcd, request, std::move(events));
      return;
    }
    users.Authenticate(
        [state = state_, etcd, request,
         events = std::move(events)](const absl::Status& status) {
          if (state->closed) return;
          if (!status.ok()) return events.end(status);
          state->Start(etcd, request, events);
        });
  }

 private:
  struct State {
    void Start(const std::shared_ptr<EtcdContext>& etcd,
               const etcdserverpb::WatchCreateRequest& request, Events events) {
      stream = std::make_shared<WatchStream>(etcd, request, std::move(events));
      stream->Start();
    }

    bool closed = false;
    std::shared_ptr<WatchStream> stream;
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace

absl::StatusOr<std::unique_ptr<EtcdClient>> EtcdClient::Create(
    const asio::any_io_executor& executor, const EtcdOptions& options) {
  if (options.endpoints.empty()) {
    return absl::InvalidArgumentError("no endpoint of etcd is given");
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError(
        "a certificate for etcd and its key go together: give both or none");
  }
  return std::unique_ptr<EtcdClient>(
      new EtcdClient(std::make_shared<EtcdContext>(executor, options)));
}

EtcdClient::EtcdClient(std::shared_ptr<EtcdContext> etcd)
    : etcd_(std::move(etcd)),
      authenticator_(std::make_shared<Authenticator>(etcd_)) {}

EtcdClient::~EtcdClient() {
  etcd_->stopped = true;
  etcd_->open->CancelAll();
}

void EtcdClient::Range(const etcdserverpb::RangeRequest& request,
                       EtcdDone<etcdserverpb::RangeResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kRepeatable, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.kv->async()->Range(std::move(call)...);
      },
      std::move(done));
}

void EtcdClient::Put(const etcdserverpb::PutRequest& request,
                     EtcdDone<etcdserverpb::PutResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kWrite, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.kv->async()->Put(std::move(call)...);
      },
      std::move(done));
}

void EtcdClient::DeleteRange(const etcdserverpb::DeleteRangeRequest& request,
                             EtcdDone<etcdserverpb::DeleteRangeResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kWrite, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.kv->async()->DeleteRange(std::move(call)...);
      },
      std::move(done));
}

void EtcdClient::Txn(const etcdserverpb::TxnRequest& request,
                     EtcdDone<etcdserverpb::TxnResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kWrite, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.kv->async()->Txn(std::move(call)...);
      },
      std::move(done));
}

void EtcdClient::Compact(const etcdserverpb::CompactionRequest& request,
                         EtcdDone<etcdserverpb::CompactionResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kWrite, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.kv->async()->Compact(std::move(call)...);
      },
      std::move(done));
}

void EtcdClient::GrantLease(const etcdserverpb::LeaseGrantRequest& request,
                            EtcdDone<etcdserverpb::LeaseGrantResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kRepeatable, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.lease->async()->LeaseGrant(std::move(call)...);
      },
      std::move(done));
}

void EtcdClient::RenewLease(
    const etcdserverpb::LeaseKeepAliveRequest& request,
    EtcdDone<etcdserverpb::LeaseKeepAliveResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kRepeatable, request,
      [](const Endpoint& endpoint, auto... call) {
        Renewal::Start(*endpoint.lease, std::move(call)...);
      },
      std::move(done));
}

void EtcdClient::RevokeLease(const etcdserverpb::LeaseRevokeRequest& request,
                             EtcdDone<etcdserverpb::LeaseRevokeResponse> done) {
  Call(
      etcd_, authenticator_, CallKind::kRepeatable, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.lease->async()->LeaseRevoke(std::move(call)...);
      },
      std::move(done));
}

std::unique_ptr<EtcdWatchStream> EtcdClient::Watch(
    const etcdserverpb::WatchCreateRequest& request,
    EtcdWatchStream::Events events) {
  auto watch = std::make_unique<ClientWatch>();
  watch->Start(etcd_, *authenticator_, request, std::move(events));
  return watch;
}

}  // namespace tcptool::fleet
