// A call of another node's PeerService.ReportRates.
#ifndef TCPTOOL_SERVER_PEERS_REPORT_CALL_H_
#define TCPTOOL_SERVER_PEERS_REPORT_CALL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <string>

#include "tcptool/peer/v1/peer_service.grpc.pb.h"

namespace tcptool::server {

// Nobody waits for its answer. It ends within 5 s, and keeps itself alive until
// gRPC is done with it.
class ReportCall {
 public:
  // `on_done` is called on a thread of gRPC's, when that is done with the call.
  using OnDone = std::function<void(std::shared_ptr<ReportCall>)>;

  // `token`: the bearer token that is shown; empty: none.
  ReportCall(const std::shared_ptr<grpc::Channel>& channel,
             const std::string& token, peer::v1::ReportRatesRequest request);

  // Once.
  static void Start(const std::shared_ptr<ReportCall>& call, OnDone on_done);
  // Any thread, and none of gRPC's.
  void Cancel() { context_.TryCancel(); }

 private:
  const std::unique_ptr<peer::v1::PeerService::Stub> stub_;
  grpc::ClientContext context_;
  const peer::v1::ReportRatesRequest request_;
  peer::v1::ReportRatesResponse response_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_REPORT_CALL_H_
