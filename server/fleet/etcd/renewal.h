// The renewal of a lease.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_RENEWAL_H_
#define TCPTOOL_SERVER_FLEET_ETCD_RENEWAL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <utility>

#include "etcd/rpc.grpc.pb.h"

namespace tcptool::fleet {

// etcd renews leases on a stream. This is a stream of one request and its
// answer: what is on its way when a stream breaks needs no account, and each
// renewal goes to whichever member answers. Frees itself.
class Renewal final
    : public grpc::ClientBidiReactor<etcdserverpb::LeaseKeepAliveRequest,
                                     etcdserverpb::LeaseKeepAliveResponse> {
 public:
  // `done` is called when the stream has ended, on a thread of gRPC's; the rest
  // has to last until then.
  static void Start(etcdserverpb::Lease::Stub& lease,
                    grpc::ClientContext* context,
                    const etcdserverpb::LeaseKeepAliveRequest* request,
                    etcdserverpb::LeaseKeepAliveResponse* response,
                    std::function<void(grpc::Status)> done) {
    auto* const renewal = new Renewal(std::move(done));
    lease.async()->LeaseKeepAlive(context, renewal);
    renewal->StartRead(response);
    renewal->StartWriteLast(request, grpc::WriteOptions());
    renewal->grpc::ClientBidiReactor<
        etcdserverpb::LeaseKeepAliveRequest,
        etcdserverpb::LeaseKeepAliveResponse>::StartCall();
  }

 private:
  explicit Renewal(std::function<void(grpc::Status)> done)
      : done_(std::move(done)) {}

  void OnReadDone(bool ok) override { has_answer_ = ok; }
  void OnDone(const grpc::Status& status) override {
    const bool is_silent = status.ok() && !has_answer_;
    done_(is_silent ? grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                   "the stream ended without an answer")
                    : status);
    delete this;
  }

  const std::function<void(grpc::Status)> done_;
  bool has_answer_ = false;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_RENEWAL_H_
