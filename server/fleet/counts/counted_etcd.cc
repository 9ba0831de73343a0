#include "server/fleet/counts/counted_etcd.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tcptool::fleet {
namespace {

template <typename Response>
EtcdDone<Response> Counted(std::shared_ptr<FleetCounts> counts, EtcdCall call,
                           EtcdDone<Response> done) {
  return [counts = std::move(counts), call, done = std::move(done)](
             absl::StatusOr<Response> response,
             dataplane::Clock::time_point sent) {
    counts->Answered(call, response.status());
    done(std::move(response), sent);
  };
}

}  // namespace

void CountedEtcd::Range(const etcdserverpb::RangeRequest& request,
                        EtcdDone<etcdserverpb::RangeResponse> done) {
  etcd_->Range(request, Counted(counts_, EtcdCall::kRead, std::move(done)));
}

void CountedEtcd::Put(const etcdserverpb::PutRequest& request,
                      EtcdDone<etcdserverpb::PutResponse> done) {
  etcd_->Put(request,
             Counted(counts_, EtcdCall::kTransaction, std::move(done)));
}

void CountedEtcd::DeleteRange(
    const etcdserverpb::DeleteRangeRequest& request,
    EtcdDone<etcdserverpb::DeleteRangeResponse> done) {
  etcd_->DeleteRange(request,
                     Counted(counts_, EtcdCall::kTransaction, std::move(done)));
}

void CountedEtcd::Txn(const etcdserverpb::TxnRequest& request,
                      EtcdDone<etcdserverpb::TxnResponse> done) {
  etcd_->Txn(request,
             Counted(counts_, EtcdCall::kTransaction, std::move(done)));
}

void CountedEtcd::Compact(const etcdserverpb::CompactionRequest& request,
                          EtcdDone<etcdserverpb::CompactionResponse> done) {
  etcd_->Compact(request,
                 Counted(counts_, EtcdCall::kTransaction, std::move(done)));
}

void CountedEtcd::GrantLease(const etcdserverpb::LeaseGrantRequest& request,
                             EtcdDone<etcdserverpb::LeaseGrantResponse> done) {
  etcd_->GrantLease(request,
                    Counted(counts_, EtcdCall::kLease, std::move(done)));
}

void CountedEtcd::RenewLease(
    const etcdserverpb::LeaseKeepAliveRequest& request,
    EtcdDone<etcdserverpb::LeaseKeepAliveResponse> done) {
  etcd_->RenewLease(request,
                    Counted(counts_, EtcdCall::kLease, std::move(done)));
}

void CountedEtcd::RevokeLease(
    const etcdserverpb::LeaseRevokeRequest& request,
    EtcdDone<etcdserverpb::LeaseRevokeResponse> done) {
  etcd_->RevokeLease(request,
                     Counted(counts_, EtcdCall::kLease, std::move(done)));
}

std::unique_ptr<EtcdWatchStream> CountedEtcd::Watch(
    const etcdserverpb::WatchCreateRequest& request,
    EtcdWatchStream::Events events) {
  return etcd_->Watch(
      request, {.response =
                    [counts = counts_, respond = std::move(events.response)](
                        const etcdserverpb::WatchResponse& response) {
                      counts->Answered(EtcdCall::kWatch, absl::OkStatus());
                      respond(response);
                    },
                .end =
                    [counts = counts_,
                     end = std::move(events.end)](const absl::Status& status) {
                      counts->Answered(EtcdCall::kWatch, status);
                      end(status);
                    }});
}

}  // namespace tcptool::fleet
