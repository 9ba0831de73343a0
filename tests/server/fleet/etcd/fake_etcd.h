// An etcd that answers when the test says so, without a network.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_ETCD_FAKE_ETCD_H_
#define TCPTOOL_TESTS_SERVER_FLEET_ETCD_FAKE_ETCD_H_

#include <deque>
#include <memory>
#include <utility>

#include "server/fleet/etcd/etcd_calls.h"

namespace tcptool::fleet {

// Calls wait in the order in which they were made.
class FakeEtcd final : public EtcdCalls {
 public:
  template <typename Request, typename Response>
  struct Call {
    Request request;
    EtcdDone<Response> done;
    dataplane::Clock::time_point sent = dataplane::Clock::now();

    void Answer(absl::StatusOr<Response> response) {
      done(std::move(response), sent);
    }
  };
  template <typename Request, typename Response>
  using Calls = std::deque<Call<Request, Response>>;

  // A stream that somebody holds, or has held.
  struct Stream {
    etcdserverpb::WatchCreateRequest request;
    EtcdWatchStream::Events events;
    bool is_open = true;
  };

  void Range(const etcdserverpb::RangeRequest& request,
             EtcdDone<etcdserverpb::RangeResponse> done) override {
    ranges.push_back({request, std::move(done)});
  }
  void Put(const etcdserverpb::PutRequest&,
           EtcdDone<etcdserverpb::PutResponse>) override {}
  void DeleteRange(const etcdserverpb::DeleteRangeRequest&,
                   EtcdDone<etcdserverpb::DeleteRangeResponse>) override {}
  void Txn(const etcdserverpb::TxnRequest&,
           EtcdDone<etcdserverpb::TxnResponse>) override {}
  void Compact(const etcdserverpb::CompactionRequest&,
               EtcdDone<etcdserverpb::CompactionResponse>) override {}
  void GrantLease(const etcdserverpb::LeaseGrantRequest& request,
                  EtcdDone<etcdserverpb::LeaseGrantResponse> done) override {
    grants.push_back({request, std::move(done)});
  }
  void RenewLease(
      const etcdserverpb::LeaseKeepAliveRequest& request,
      EtcdDone<etcdserverpb::LeaseKeepAliveResponse> done) override {
    renewals.push_back({request, std::move(done)});
  }
  void RevokeLease(const etcdserverpb::LeaseRevokeRequest& request,
                   EtcdDone<etcdserverpb::LeaseRevokeResponse> done) override {
    revocations.push_back({request, std::move(done)});
  }
  std::unique_ptr<EtcdWatchStream> Watch(
      const etcdserverpb::WatchCreateRequest& request,
      EtcdWatchStream::Events events) override {
    streams.push_back(
        std::make_shared<Stream>(Stream{request, std::move(events)}));
    return std::make_unique<Handle>(streams.back());
  }

  Calls<etcdserverpb::RangeRequest, etcdserverpb::RangeResponse> ranges;
  Calls<etcdserverpb::LeaseGrantRequest, etcdserverpb::LeaseGrantResponse>
      grants;
  Calls<etcdserverpb::LeaseKeepAliveRequest,
        etcdserverpb::LeaseKeepAliveResponse>
      renewals;
  Calls<etcdserverpb::LeaseRevokeRequest, etcdserverpb::LeaseRevokeResponse>
      revocations;
  std::deque<std::shared_ptr<Stream>> streams;

 private:
  class Handle final : public EtcdWatchStream {
   public:
    explicit Handle(std::shared_ptr<Stream> stream)
        : stream_(std::move(stream)) {}
    ~Handle() override { stream_->is_open = false; }

   private:
    const std::shared_ptr<Stream> stream_;
  };
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_ETCD_FAKE_ETCD_H_
