#include "tests/server/fleet/memory_etcd/memory_connection.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace tcptool::fleet {

using dataplane::Clock;

struct MemoryConnection::State {
  bool is_cut = false;
  bool drops_events = false;
  std::vector<etcdserverpb::TxnRequest> late;
  std::vector<Stream*> streams;
};

// What is posted to its holder is held by a shared state, as it may be gone by
// then.
class MemoryConnection::Stream final : public EtcdWatchStream {
 public:
  Stream(const asio::any_io_executor& executor, MemoryEtcd* etcd,
         std::shared_ptr<State> connection,
         const etcdserverpb::WatchCreateRequest& request, Events events)
      : executor_(executor),
        etcd_(etcd),
        connection_(std::move(connection)),
        request_(request),
        events_(std::make_shared<Events>(std::move(events))) {
    connection_->streams.push_back(this);
    etcdserverpb::WatchResponse created;
    created.set_created(true);
    created.mutable_header()->set_revision(etcd_->revision());
    Send(created);
    etcdserverpb::WatchResponse missed = etcd_->EventsSince(request_);
    if (missed.canceled() || !missed.events().empty()) Send(missed);
    listener_ = etcd_->Listen([this](const etcdserverpb::WatchResponse&) {
      etcdserverpb::WatchCreateRequest latest = request_;
      latest.set_start_revision(etcd_->revision());
      const etcdserverpb::WatchResponse mine = etcd_->EventsSince(latest);
      if (!mine.events().empty()) Send(mine);
    });
  }
  ~Stream() override {
    etcd_->Forget(listener_);
    *events_ = {};
    std::erase(connection_->streams, this);
  }

  void End() {
    etcd_->Forget(listener_);
    asio::post(executor_, [connection = connection_, events = events_] {
      // It destroys the stream.
      const auto end = events->end;
      if (end && !connection->is_cut) {
        end(absl::UnavailableError("the stream was ended"));
      }
    });
  }

 private:
  void Send(const etcdserverpb::WatchResponse& response) {
    asio::post(
        executor_, [connection = connection_, events = events_, response] {
          const auto respond = events->response;
          if (respond && !connection->is_cut && !connection->drops_events) {
            respond(response);
          }
        });
  }

  const asio::any_io_executor executor_;
  MemoryEtcd* const etcd_;
  const std::shared_ptr<State> connection_;
  const etcdserverpb::WatchCreateRequest request_;
  const std::shared_ptr<Events> events_;
  int listener_ = 0;
};

MemoryConnection::MemoryConnection(const asio::any_io_executor& executor,
                                   MemoryEtcd* etcd)
    : executor_(executor), etcd_(etcd), state_(std::make_shared<State>()) {}

MemoryConnection::~MemoryConnection() { Cut(); }

void MemoryConnection::Cut() { state_->is_cut = true; }

void MemoryConnection::DropEvents() { state_->drops_events = true; }

void MemoryConnection::EndWatches() {
  for (Stream* const stream : state_->streams) stream->End();
}

void MemoryConnection::CarryOutLate() {
  const std::vector<etcdserverpb::TxnRequest> late =
      std::exchange(state_->late, {});
  for (const etcdserverpb::TxnRequest& request : late) {
    static_cast<void>(etcd_->Txn(request));
  }
}

template <typename Response>
void MemoryConnection::Answer(EtcdDone<Response> done,
                              absl::StatusOr<Response> response) {
  asio::post(executor_,
             [connection = state_, done = std::move(done),
              response = std::move(response), sent = Clock::now()]() mutable {
               if (!connection->is_cut) done(std::move(response), sent);
             });
}

void MemoryConnection::Range(const etcdserverpb::RangeRequest& request,
                             EtcdDone<etcdserverpb::RangeResponse> done) {
  if (!state_->is_cut) Answer(std::move(done), etcd_->Range(request));
}

void MemoryConnection::Put(const etcdserverpb::PutRequest& request,
                           EtcdDone<etcdserverpb::PutResponse> done) {
  if (state_->is_cut) return;
  etcdserverpb::TxnRequest transaction;
  *transaction.add_success()->mutable_request_put() = request;
  const auto response = etcd_->Txn(transaction);
  if (!response.ok())
    return Answer<etcdserverpb::PutResponse>(std::move(done),
                                             response.status());
  Answer<etcdserverpb::PutResponse>(std::move(done),
                                    etcdserverpb::PutResponse());
}

void MemoryConnection::DeleteRange(
    const etcdserverpb::DeleteRangeRequest& request,
    EtcdDone<etcdserverpb::DeleteRangeResponse> done) {
  if (state_->is_cut) return;
  etcdserverpb::TxnRequest transaction;
  *transaction.add_success()->mutable_request_delete_range() = request;
  Answer<etcdserverpb::DeleteRangeResponse>(
      std::move(done),
      etcd_->Txn(transaction)->responses(0).response_delete_range());
}

void MemoryConnection::Txn(const etcdserverpb::TxnRequest& request,
                           EtcdDone<etcdserverpb::TxnResponse> done) {
  if (state_->is_cut) return;
  ++transactions_;
  const Fate fate_of_it = fate ? fate(request) : Fate::kAnswered;
  // Its fate may have been to be cut off.
  if (state_->is_cut) return;
  using Answered = absl::StatusOr<etcdserverpb::TxnResponse>;
  const Answered unknown = absl::UnknownError("no answer came");
  switch (fate_of_it) {
    case Fate::kAnswered:
      return Answer<etcdserverpb::TxnResponse>(std::move(done),
                                               etcd_->Txn(request));
    case Fate::kAnswerLost:
      static_cast<void>(etcd_->Txn(request));
      return Answer(std::move(done), unknown);
    case Fate::kRequestLost:
      return Answer(std::move(done), unknown);
    case Fate::kLate:
      state_->late.push_back(request);
      return Answer(std::move(done), unknown);
    case Fate::kRefused:
      return Answer(std::move(done),
                    Answered(absl::UnavailableError("nobody is there")));
  }
}

void MemoryConnection::Compact(
    const etcdserverpb::CompactionRequest& request,
    EtcdDone<etcdserverpb::CompactionResponse> done) {
  if (state_->is_cut) return;
  etcd_->Compact(request.revision());
  Answer<etcdserverpb::CompactionResponse>(std::move(done),
                                           etcdserverpb::CompactionResponse());
}

void MemoryConnection::GrantLease(
    const etcdserverpb::LeaseGrantRequest& request,
    EtcdDone<etcdserverpb::LeaseGrantResponse> done) {
  if (state_->is_cut) return;
  etcdserverpb::LeaseGrantResponse response;
  response.set_id(etcd_->GrantLease(request.ttl()));
  response.set_ttl(request.ttl());
  Answer<etcdserverpb::LeaseGrantResponse>(std::move(done), response);
}

void MemoryConnection::RenewLease(
    const etcdserverpb::LeaseKeepAliveRequest& request,
    EtcdDone<etcdserverpb::LeaseKeepAliveResponse> done) {
  if (state_->is_cut) return;
  etcdserverpb::LeaseKeepAliveResponse response;
  response.set_id(request.id());
  response.set_ttl(etcd_->TimeToLive(request.id()));
  Answer<etcdserverpb::LeaseKeepAliveResponse>(std::move(done), response);
}

void MemoryConnection::RevokeLease(
    const etcdserverpb::LeaseRevokeRequest& request,
    EtcdDone<etcdserverpb::LeaseRevokeResponse> done) {
  if (state_->is_cut) return;
  if (!may_revoke) {
    return Answer<etcdserverpb::LeaseRevokeResponse>(
        std::move(done), absl::PermissionDeniedError("permission denied"));
  }
  etcd_->EndLease(request.id());
  Answer<etcdserverpb::LeaseRevokeResponse>(
      std::move(done), etcdserverpb::LeaseRevokeResponse());
}

std::unique_ptr<EtcdWatchStream> MemoryConnection::Watch(
    const etcdserverpb::WatchCreateRequest& request,
    EtcdWatchStream::Events events) {
  return std::make_unique<Stream>(executor_, etcd_, state_, request,
                                  std::move(events));
}

}  // namespace tcptool::fleet
