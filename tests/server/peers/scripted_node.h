// A node of the test's own: its calls of PeerService.Follow, and what is
// usually said there.
#ifndef TCPTOOL_TESTS_SERVER_PEERS_SCRIPTED_NODE_H_
#define TCPTOOL_TESTS_SERVER_PEERS_SCRIPTED_NODE_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "server/api/reception_spec.h"
#include "tcptool/peer/v1/peer_service.grpc.pb.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::server {

using dataplane::ScriptedSender;
using peer::v1::FollowRequest;
using peer::v1::FollowResponse;

// A node that says what the test wants.
class ScriptedNode final : public peer::v1::PeerService::Service {
 public:
  // Answers a call, and returns how it ends.
  using Script =
      std::function<grpc::Status(const FollowRequest&, grpc::ServerContext&,
                                 grpc::ServerWriter<FollowResponse>&)>;

  explicit ScriptedNode(Script script,
                        const std::shared_ptr<grpc::ServerCredentials>&
                            credentials = grpc::InsecureServerCredentials())
      : script_(std::move(script)) {
    int port = 0;
    server_ = grpc::ServerBuilder()
                  .AddListeningPort("127.0.0.1:0", credentials, &port)
                  .RegisterService(this)
                  .BuildAndStart();
    node_ = {.target = {.host = "127.0.0.1", .port = std::to_string(port)},
             .name = "sessions/s"};
  }
  ~ScriptedNode() override {
    server_->Shutdown(std::chrono::system_clock::now());
  }

  NodePlan::Node node() const { return node_; }
  std::vector<FollowRequest> requests() const {
    absl::MutexLock lock(&mutex_);
    return requests_;
  }

  grpc::Status Follow(grpc::ServerContext* context,
                      const FollowRequest* request,
                      grpc::ServerWriter<FollowResponse>* writer) override {
    {
      absl::MutexLock lock(&mutex_);
      requests_.push_back(*request);
    }
    return script_(*request, *context, *writer);
  }

 private:
  const Script script_;
  std::unique_ptr<grpc::Server> server_;
  NodePlan::Node node_;
  mutable absl::Mutex mutex_;
  std::vector<FollowRequest> requests_ ABSL_GUARDED_BY(mutex_);
};

inline grpc::Status Hold(grpc::ServerContext& context) {
  while (!context.IsCancelled()) absl::SleepFor(absl::Milliseconds(10));
  return grpc::Status::CANCELLED;
}

inline FollowResponse TicketFor(const ScriptedSender& data) {
  FollowResponse response;
  response.mutable_ticket()->set_secret(std::string(32, 't'));
  response.mutable_ticket()->set_port(data.port());
  return response;
}

inline ScriptedNode::Script Refuse(grpc::StatusCode code) {
  return [code](const FollowRequest&, grpc::ServerContext&,
                grpc::ServerWriter<FollowResponse>&) {
    return grpc::Status(code, "refused");
  };
}

// A ticket, `more`, and then nothing but signs of life.
inline ScriptedNode::Script Serve(const ScriptedSender& data,
                                  const FollowResponse& more = {},
                                  const FollowResponse& sign_of_life = {}) {
  return [&data, more, sign_of_life](
             const FollowRequest& request, grpc::ServerContext& context,
             grpc::ServerWriter<FollowResponse>& writer) {
    FollowResponse first = sign_of_life;
    if (request.has_offset()) first.MergeFrom(TicketFor(data));
    writer.Write(first);
    writer.Write(more);
    while (!context.IsCancelled()) {
      writer.Write(sign_of_life);
      absl::SleepFor(absl::Milliseconds(50));
    }
    return grpc::Status::CANCELLED;
  };
}

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_PEERS_SCRIPTED_NODE_H_
